"""Start a training from a model with other classes or predicates."""

from __future__ import annotations

import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmsgp.checkpoint.by_name import KINDS, carry_over, holds_all, named_axes
from mmsgp.checkpoint.pretrained import read_weights
from mmsgp.datasets.dataset_wrappers import innermost_dataset
from mmsgp.engine.distributed import unwrap_model
from mmsgp.registry import HOOKS

_DETECTOR = 'detector.'
# A model may start without these.
_MAY_LACK = ('relation_head.scorer.', 'relation_head.debiasing.', 'relation_head.loss_relation.')


@HOOKS.register_module()
class LoadByNameHook(Hook):
    """Starts from a checkpoint, by the names of classes and predicates.

    Rows of names that the checkpoint and the training set share are carried over:
    of class embeddings, classifiers of objects and predicates, the table of the
    frequency prior, the Scorer, and the box head of a detector. Rows of other names
    start anew and are listed in the log. Statistics of the training set (buffers with
    rows of names) are those of the new one.

    A parser takes the checkpoint's detector only if that knows all of its classes;
    otherwise it keeps its own. A detector may start from the checkpoint of a
    parser. A resumed run loads nothing.

    ``tools/train.py`` adds this hook where the config has
    ``load_from_by_name=True``.

    Args:
        checkpoint: Path or URL of a checkpoint that holds its names, as those of
            training and of ``publish_model.py`` do.
    """

    priority = 'LOW'  # after DatasetPriorsHook, which fills the tables

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint

    def before_train(self, runner: Runner) -> None:
        """Carry the weights over.

        Raises:
            ValueError: If the checkpoint lacks names or weights, or differs from the
                model in more than names.
        """
        if runner.iter:
            return
        model = unwrap_model(runner.model)
        is_parser = hasattr(model, 'relation_head')
        weights, found = read_weights(self.checkpoint)
        own = innermost_dataset(runner.train_dataloader.dataset).metainfo
        kinds = tuple(KINDS) if is_parser else ('classes',)
        self._check_names(found, kinds)
        own, found = ({kind: list(names[kind]) for kind in kinds} for names in (own, found))
        if not is_parser and any(key.startswith(_DETECTOR) for key in weights):
            weights = {key.removeprefix(_DETECTOR): value for key, value in weights.items()}
        keeps_detector = is_parser and not holds_all(found, own)
        axes = named_axes(runner.cfg.model, own)
        part = model.relation_head if keeps_detector else model
        prefix = 'relation_head.' if keeps_detector else ''
        missing = carry_over(
            part,
            {key.removeprefix(prefix): value for key, value in axes.items()},
            {key.removeprefix(prefix): value for key, value in weights.items()},
            found,
            own,
            self.checkpoint,
        )
        missing = [prefix + name for name in missing]
        needed = [name for name in missing if not name.startswith(_MAY_LACK)]
        if needed:
            raise ValueError(
                f'load_from_by_name: {self.checkpoint} lacks {len(needed)} weights of the '
                f'model, e.g. {", ".join(needed[:3])}: use the config that it was trained '
                'with, or one that differs only in the names, the loss or the Scorer'
            )
        self._report(own, found, missing, keeps_detector)

    def _check_names(self, found: dict, kinds: tuple[str, ...]) -> None:
        for kind in kinds:
            if not found.get(kind):
                raise ValueError(
                    f"load_from_by_name: {self.checkpoint} has no meta['dataset_meta']"
                    f'[{kind!r}]: give a checkpoint of training or of publish_model.py, '
                    'which hold the names'
                )

    def _report(self, own: dict, found: dict, missing: list[str], keeps_detector: bool) -> None:
        lines = []
        for kind, names in own.items():
            new = [name for name in names if name not in found[kind]]
            lines.append(
                f'{len(names) - len(new)} of {len(names)} {kind} are carried over by name'
                + (f'; these start anew: {", ".join(new)}' if new else '')
            )
        if missing:
            lines.append(f'weights that start anew: {", ".join(missing)}')
        if keeps_detector:
            lines.append("the detector is the config's own, because classes are new")
        print_log(
            '\n  '.join([f'load_from_by_name: {self.checkpoint}', *lines]),
            logger='current',
            level=logging.INFO,
        )
