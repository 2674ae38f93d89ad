"""The published model at its full size."""

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, random_samples


def test_a_training_and_a_test_step_on_592_pixels():
    torch.manual_seed(0)
    cfg = Config.fromfile(CONFIGS / 'motifnet_cce_scorer_vg.py').model
    cfg.test_tasks = ('predcls', 'sgcls', 'sggen')
    # Boxes of a detector that has learnt nothing are too many to wait for.
    cfg.detection_cfg = dict(max_per_image=6)
    model = MODELS.build(cfg)
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = OptimWrapper(torch.optim.SGD(params, lr=1e-3))
    before = model.relation_head.fc_predicate.weight.detach().clone()

    def batch():
        samples = random_samples([5], 150, 50, image_size=592)
        samples[0].set_metainfo(dict(img_shape=(444, 592)))
        image = torch.randint(0, 256, (3, 444, 592), dtype=torch.uint8)
        return dict(inputs=[image], data_samples=samples)

    logged = model.train().train_step(batch(), optimizer)
    assert torch.isfinite(logged['loss'])
    assert not torch.equal(before, model.relation_head.fc_predicate.weight)

    (sample,) = model.eval().test_step(batch())
    assert sample.batch_input_shape == (592, 592)
    for task in cfg.test_tasks:
        relations = sample.pred_scene_graphs[task].relations
        assert relations.distribution.shape[1] == 51
        assert torch.isfinite(relations.scores).all()
    assert len(sample.pred_scene_graphs['sgcls'].relations.labels) == 20
