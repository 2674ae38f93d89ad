"""Training and testing by the commands, from data to tables."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from helpers.tools import load_tool
from helpers.tools import run_tool as run
from mmsgp.apis.trained_parser import load_parser
from mmsgp.evaluation import SceneGraphMetric
from mmsgp.evaluation.relation_ranks import RANKS_FILE, RelationRanks
from mmsgp.registry import METRICS, MODELS
from mmsgp.testing import make_vg_data

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / 'configs' / 'motifnet_cce_scorer_minivg.py')
TASKS = ('predcls', 'sgcls', 'sggen')


@METRICS.register_module()
class DerivedMetric(SceneGraphMetric):
    """A metric that a user has derived."""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Ten training and five test images with MiniVG's numbers of classes."""
    return make_vg_data(
        tmp_path_factory.mktemp('data'), num_train=10, num_test=5, num_classes=24, num_predicates=18
    )


@pytest.fixture(scope='module')
def detector(tmp_path_factory):
    """Weights of a detector that has learnt nothing."""
    init_default_scope('mmsgp')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model.detector)
    path = tmp_path_factory.mktemp('detector') / 'detector.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


@pytest.fixture(scope='module')
def options(data, detector):
    """Settings that put the config on the small data set."""
    settings = [
        f'model.detector.init_cfg.checkpoint={detector}',
        'train_dataloader.batch_size=3',
        'train_cfg.max_epochs=2',
        'model.detection_cfg.max_per_image=6',
        'default_hooks.logger.interval=1',
    ]
    if torch.cuda.is_available():  # two runs are compared to the last digit
        settings.append('randomness.deterministic=True')
    for split in ('train', 'val', 'test'):
        loader = f'{split}_dataloader'
        settings += [
            f'{loader}.dataset.data_root={data.root}',
            f'{loader}.dataset.num_val_images=3',
            f'{loader}.num_workers=0',
        ]
    return ['--cfg-options', *settings]


@pytest.fixture(scope='module')
def trained(tmp_path_factory, options):
    """Work directory of a run of two epochs."""
    work_dir = tmp_path_factory.mktemp('trained')
    run('train', CONFIG, '--work-dir', work_dir, *options)
    return work_dir


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_the_checkpoint_holds_detector_priors_and_names(trained, detector, data):
    checkpoint = torch.load(trained / 'epoch_2.pth', weights_only=False)
    state = checkpoint['state_dict']
    for name, value in weights(detector).items():
        assert torch.equal(state[f'detector.{name}'], value)
    assert state['has_priors']
    assert state['relation_head.frequency_prior.table'].any()
    meta = checkpoint['meta']['dataset_meta']
    assert meta['classes'] == data.classes
    assert meta['predicates'] == data.predicates
    assert list(trained.glob('best_sgcls_mR@100_epoch_*.pth'))


def test_a_resumed_run_ends_where_the_uninterrupted_one_does(tmp_path, trained, options):
    run('train', CONFIG, '--work-dir', tmp_path, *options, 'train_cfg.max_epochs=1')
    run('train', CONFIG, '--work-dir', tmp_path, '--resume', *options)
    assert_same_weights(weights(tmp_path / 'epoch_2.pth'), weights(trained / 'epoch_2.pth'))


def test_a_schedule_that_a_resumed_run_would_not_follow_is_refused(tmp_path, trained, options):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    longer = ['--work-dir', tmp_path, '--resume', *options, 'train_cfg.max_epochs=3']
    with pytest.raises(
        SystemExit, match=r'^--resume: param_scheduler\.1\.milestones was \[3\] and is \[2\]'
    ):
        run('train', CONFIG, *longer, 'param_scheduler.1.milestones=[2]')
    assert not (tmp_path / 'epoch_3.pth').exists()
    run('train', CONFIG, *longer)
    assert (tmp_path / 'epoch_3.pth').is_file()


@pytest.mark.parametrize('workers', [1, 2])
def test_a_run_does_not_depend_on_the_number_of_workers(tmp_path, trained, options, workers):
    run(
        'train',
        CONFIG,
        '--work-dir',
        tmp_path,
        *options,
        f'train_dataloader.num_workers={workers}',
        'train_cfg.max_epochs=1',
    )
    assert_same_weights(weights(tmp_path / 'epoch_1.pth'), weights(trained / 'epoch_1.pth'))


def test_a_work_directory_may_be_moved(tmp_path, trained, options):
    """Its checkpoints are found, and the best one is replaced, where it is."""
    moved = shutil.copytree(trained, tmp_path / 'moved')
    (moved / 'last_checkpoint').write_text('/before/epoch_2.pth')
    (moved / 'epoch_2.pth').write_bytes(b'')  # the one before is taken
    run('train', CONFIG, '--work-dir', moved, '--resume', *options)
    assert Path((moved / 'last_checkpoint').read_text()) == moved / 'epoch_2.pth'
    assert_same_weights(weights(moved / 'epoch_2.pth'), weights(trained / 'epoch_2.pth'))
    (best,) = moved.glob('best_*')
    assert [best.name] == [path.name for path in trained.glob('best_*')]


@pytest.fixture(scope='module')
def tested(tmp_path_factory, trained, options):
    """Work directory of a test of all tasks."""
    work_dir = tmp_path_factory.mktemp('tested')
    run(
        'test',
        CONFIG,
        trained / 'epoch_2.pth',
        '--work-dir',
        work_dir,
        '--out',
        work_dir / 'predictions.h5',
        *options,
    )
    return work_dir


def test_results_are_written_for_each_task(tested, data):
    metrics = json.loads((tested / 'metrics.json').read_text())
    for task in TASKS:
        for metric in ('R', 'mR'):
            values = [metrics[f'{task}/{metric}@{k}'] for k in (20, 50, 100, 'all')]
            assert values == sorted(values)
            assert 0 <= values[0] <= values[-1] <= 100
        with (tested / f'per_class_recall_{task}.csv').open() as file:
            rows = list(csv.DictReader(file))
        counts = [int(row['train_count']) for row in rows]
        assert counts == sorted(counts, reverse=True)
        assert {row['predicate'] for row in rows} == set(data.predicates)


def test_a_task_alone_gives_the_same_figures(tmp_path, tested, trained, options):
    run(
        'test',
        CONFIG,
        trained / 'epoch_2.pth',
        '--work-dir',
        tmp_path,
        '--tasks',
        'sgcls',
        *options,
    )
    all_tasks = json.loads((tested / 'metrics.json').read_text())
    alone = json.loads((tmp_path / 'metrics.json').read_text())
    assert not any(key.startswith('predcls/') for key in alone)
    for key, value in alone.items():
        if key.startswith('sgcls/'):
            assert value == all_tasks[key]


def test_parsed_images_are_drawn_while_testing(tmp_path, trained, options, data):
    run(
        'test',
        CONFIG,
        trained / 'epoch_2.pth',
        '--work-dir',
        tmp_path,
        '--tasks',
        'predcls',
        '--show-dir',
        'pictures',
        *options,
    )
    drawn = sorted(path.name for path in tmp_path.glob('*/pictures/*'))
    assert drawn == sorted(
        f'{image["image_id"]}.jpg' for image in data.images if image['split'] == 'test'
    )


def test_kept_predictions_are_scored_again(tmp_path, tested, capsys):
    file = tested / 'predictions.h5'
    run('analysis_tools/eval_predictions', file, '--out-dir', tmp_path)
    for name in [path.name for path in tmp_path.iterdir() if path.name != 'metrics.json']:
        assert (tmp_path / name).read_bytes() == (tested / name).read_bytes()
    # The file of predictions holds no statistics of the training set.
    again, before = (json.loads((d / 'metrics.json').read_text()) for d in (tmp_path, tested))
    assert again == {key: value for key, value in before.items() if '/frequency-' not in key}
    assert {'metrics.json', 'ranks.npz', 'metrics_phrdet.csv'} <= {
        path.name for path in tmp_path.iterdir()
    }
    run(
        'analysis_tools/eval_predictions',
        file,
        '--topk',
        5,
        300,
        '--metrics',
        'R',
        '--groups',
        '9,3',
        '--iou-thr',
        0.7,
    )
    with pytest.raises(SystemExit, match='keeps 100 .*but is 300'):
        run('analysis_tools/eval_predictions', file, '--topk', 300)


def test_names_of_compared_runs_tell_them_apart(tmp_path, tested, capsys, monkeypatch):
    """As folders of a grid do, which all end in the seed."""
    monkeypatch.setenv('COLUMNS', '120')
    long = f'kern_cce_scorer_{"x" * 60}'
    folders = [tmp_path / name / 'seed_42' for name in ('kern_ce', long)]
    for folder in folders:
        shutil.copytree(tested, folder)
    run('analysis_tools/compare', *folders, '--resamples', 100)
    printed = capsys.readouterr().out
    assert 'kern_ce/seed_42' in printed and str(tmp_path) not in printed
    predicates = RelationRanks.load(tested / RANKS_FILE).names
    assert all(f'  {name} ' in printed for name in predicates)


def test_two_runs_are_compared(tmp_path, tested, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '120')
    run(
        'analysis_tools/eval_predictions',
        tested / 'predictions.h5',
        '--out-dir',
        tmp_path / 'strict',
        '--iou-thr',
        0.999,
    )
    capsys.readouterr()
    run(
        'analysis_tools/compare',
        tested,
        tmp_path / 'strict',
        '--names',
        'half',
        'all',
        '--csv',
        tmp_path / 'c.csv',
        '--resamples',
        100,
    )
    printed = capsys.readouterr().out
    assert 'predcls (%)' in printed and 'mR@100' in printed
    assert 'phrdet: R@100 of each predicate (%)' in printed
    with (tmp_path / 'c.csv').open() as file:
        rows = list(csv.DictReader(file))
    metrics = json.loads((tested / 'metrics.json').read_text())
    assert {f'{row["task"]}/{row["metric"]}' for row in rows} == {
        key for key in metrics if '@' in key and '/frequency-' not in key
    }
    for row in rows:
        value = metrics[f'{row["task"]}/{row["metric"]}']
        if value is None:
            assert row['half'] == row['difference'] == ''
            continue
        assert float(row['half']) == pytest.approx(value)
        # Given boxes agree exactly: nothing is lost.
        if row['task'] == 'predcls':
            assert float(row['difference']) == 0
            assert row['interval_low'] in ('', '0.0')
    with pytest.raises(SystemExit):
        run('analysis_tools/compare', tested, tested, '--resamples', 5)


def test_runs_on_other_images_are_not_compared(tmp_path, tested):
    ranks = RelationRanks.load(tested / 'ranks.npz')
    dataclasses.replace(ranks, predicates=ranks.predicates[::-1]).save(tmp_path / 'ranks.npz')
    with pytest.raises(ValueError, match='same .*their predicates differ'):
        run('analysis_tools/compare', tested, tmp_path)
    with pytest.raises(FileNotFoundError, match='none/ranks.npz'):
        run('analysis_tools/compare', tested, tmp_path / 'none')
    with pytest.raises(ValueError, match=r"no \['detection'\] to compare"):
        run('analysis_tools/compare', tested, tested, '--tasks', 'detection')


def test_predictions_are_drawn(tmp_path, trained, options):
    scenes = tmp_path / 'scenes'
    run(
        'test',
        CONFIG,
        trained / 'epoch_2.pth',
        '--work-dir',
        tmp_path / 'test',
        '--tasks',
        'sgcls',
        '--show-dir',
        scenes,
        *options,
        'test_dataloader.dataset.indices=2',
    )
    pictures = sorted(scenes.iterdir())
    assert len(pictures) == 2
    # annotation and prediction side by side
    assert all(
        width > height for width, height in (Image.open(picture).size for picture in pictures)
    )


@pytest.mark.parametrize('type_', ['SceneGraphMetric', 'mmsgp.SceneGraphMetric', 'DerivedMetric'])
def test_a_derived_metric_writes_its_results_too(type_):
    cfg = Config(
        dict(
            work_dir='folder',
            test_evaluator=[dict(type=type_, ng_limit=300), dict(type='mmdet.CocoMetric')],
        )
    )
    recall, other, dump = load_tool('test').load_evaluators(cfg, 'predictions.h5')
    assert recall.output_dir == 'folder'
    assert 'output_dir' not in other
    assert (dump['type'], dump['ng_limit']) == ('DumpPredictions', 300)


def launch(script, *arguments):
    """Run a launcher's script, each process on one thread of the CPU.

    On a machine with GPUs each process would need one.
    """
    environment = {
        **os.environ,
        'PYTHONPATH': str(ROOT),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
    }
    result = subprocess.run(
        ['bash', str(ROOT / 'tools' / script), CONFIG, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def test_two_processes_train_and_test_like_one(tmp_path, trained, options):
    launch('dist_train.sh', 2, '--work-dir', tmp_path / 'train', *options, 'train_cfg.max_epochs=1')
    assert (tmp_path / 'train' / 'epoch_1.pth').is_file()
    # An image alone: rounding may differ with what else is in its batch, and
    # with it a rank.
    one, two = tmp_path / 'one', tmp_path / 'two'
    for processes, folder in ((1, one), (2, two)):
        launch(
            'dist_test.sh',
            trained / 'epoch_2.pth',
            processes,
            '--work-dir',
            folder,
            *options,
            'test_dataloader.batch_size=1',
        )
    for name in (
        'metrics.json',
        'per_class_recall_predcls.csv',
        'per_class_recall_sgcls.csv',
        'per_class_recall_sggen.csv',
        'metrics_phrdet.csv',
        RANKS_FILE,
    ):
        assert (two / name).read_bytes() == (one / name).read_bytes()


@pytest.mark.faults
def test_three_processes_test_like_one(tmp_path, trained, options):
    for processes in (1, 3):
        launch(
            'dist_test.sh',
            trained / 'epoch_2.pth',
            processes,
            '--work-dir',
            tmp_path / str(processes),
            *options,
            'test_dataloader.batch_size=1',
        )
    for name in ('metrics.json', 'per_class_recall_sggen.csv', RANKS_FILE):
        assert (tmp_path / '3' / name).read_bytes() == (tmp_path / '1' / name).read_bytes()


def test_a_second_run_in_a_work_directory_is_refused(tmp_path, options):
    script = (
        'import sys; from mmsgp.engine.folder_lock import locked\n'
        'with locked(sys.argv[1]): print("locked", flush=True); sys.stdin.read()'
    )
    with subprocess.Popen(
        [sys.executable, '-c', script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    ) as other:
        assert b'locked\n' in iter(other.stdout.readline, b'')
        with pytest.raises(SystemExit, match=f'{tmp_path}.*process {other.pid} '):
            run('train', CONFIG, '--work-dir', tmp_path, *options)
        other.stdin.close()
    assert [path.name for path in tmp_path.iterdir()] == ['.lock']


def test_a_loss_that_is_not_a_number_stops_and_names_the_images(tmp_path, options):
    with pytest.raises(FloatingPointError, match=r'images/\d+.jpg'):
        run(
            'train',
            CONFIG,
            '--work-dir',
            tmp_path,
            *options,
            'model.relation_head.loss_relation.loss_weight=nan',
        )


def test_a_missing_detector_is_trained_first(tmp_path, data, options):
    config = tmp_path / 'detector_config.py'
    datasets = ''.join(
        f'{split}_dataloader = dict(num_workers=0, dataset=dict('
        f'data_root={str(data.root)!r}, num_val_images=3))\n'
        for split in ('train', 'val', 'test')
    )
    base = ROOT / 'configs' / 'faster_rcnn_vgg16_minivg.py'
    config.write_text(f'_base_ = {str(base)!r}\ntrain_cfg = dict(max_epochs=1)\n{datasets}')
    weights_file = tmp_path / 'detector' / 'detector.pth'
    run(
        'train',
        CONFIG,
        '--work-dir',
        tmp_path / 'relation',
        *options,
        'train_cfg.max_epochs=1',
        f'detector_config={config}',
        f'model.detector.init_cfg.checkpoint={weights_file}',
    )
    published = weights(weights_file)
    assert_same_weights(published, weights(weights_file.parent / 'epoch_1.pth'))
    state = weights(tmp_path / 'relation' / 'epoch_1.pth')
    for name, value in published.items():
        assert torch.equal(state[f'detector.{name}'], value)


def test_one_option_trains_detector_and_parser_on_other_data(tmp_path):
    data = make_vg_data(
        tmp_path / 'é v,[1]', num_train=10, num_test=5, num_classes=6, num_predicates=5
    )
    few = ''.join(
        f'{split}_dataloader = dict(num_workers=0, dataset=dict(num_val_images=3))\n'
        for split in ('train', 'val', 'test')
    )
    configs = {}
    for name in ('faster_rcnn_vgg16', 'motifnet_cce_scorer'):
        configs[name] = tmp_path / f'{name}.py'
        configs[name].write_text(
            f'_base_ = {str(ROOT / "configs" / f"{name}_minivg.py")!r}\n'
            f'train_cfg = dict(max_epochs=1)\n{few}'
        )
    run(
        'train',
        configs['motifnet_cce_scorer'],
        '--work-dir',
        tmp_path / 'relation',
        '--cfg-options',
        f'data_root={str(data.root)!r}',
        'img_scale=(96, 96)',
        f'detector_config={configs["faster_rcnn_vgg16"]}',
        f'model.detector.init_cfg.checkpoint={tmp_path}/detector/detector.pth',
    )
    for folder in ('detector', 'relation'):
        (dumped,) = (tmp_path / folder).glob('*.py')
        cfg = Config.fromfile(dumped)
        assert cfg.train_dataloader.dataset.data_root == str(data.root)
        detector = cfg.model.get('detector', cfg.model)
        assert detector.roi_head.bbox_head.num_classes == 6
        assert detector.data_preprocessor.pad_to == (96, 96)
    assert cfg.model.relation_head.num_classes == 6
    assert cfg.model.relation_head.num_predicates == 5
    run('test', dumped, tmp_path / 'relation' / 'epoch_1.pth', '--work-dir', tmp_path)
    # What the checkpoint carries is enough to parse an image.
    parser = load_parser(None, str(tmp_path / 'relation' / 'epoch_1.pth'))
    assert parser.relation_head.num_predicates == 5
    assert parser.data_preprocessor.pad_to == (96, 96)


def test_a_launcher_that_did_not_launch_is_named_before_a_detector_is_trained(
    tmp_path, options, monkeypatch
):
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.delenv(name, raising=False)
    checkpoint = f'model.detector.init_cfg.checkpoint={tmp_path}/detector/detector.pth'
    with pytest.raises(SystemExit, match='--launcher pytorch, but RANK, .*tools/dist_train.sh'):
        run('train', CONFIG, '--launcher', 'pytorch', *options, checkpoint)
    assert not (tmp_path / 'detector').exists()


@pytest.mark.parametrize('launch', [{}, {'RANK': '0', 'WORLD_SIZE': '2'}])
def test_the_detector_has_the_threads_of_the_user_not_those_of_a_launcher(monkeypatch, launch):
    monkeypatch.delenv('RANK', raising=False)
    for key, value in {'OMP_NUM_THREADS': '1', **launch}.items():
        monkeypatch.setenv(key, value)
    environment = load_tool('train').unlaunched()
    assert environment.get('OMP_NUM_THREADS') == (None if launch else '1')
    assert 'RANK' not in environment and environment['PATH'] == os.environ['PATH']


def test_missing_weights_and_config_are_named(tmp_path, options):
    with pytest.raises(FileNotFoundError, match='none.pth.*nothing.py'):
        run(
            'train',
            CONFIG,
            '--work-dir',
            tmp_path,
            *options,
            'detector_config=nothing.py',
            f'model.detector.init_cfg.checkpoint={tmp_path}/none.pth',
        )


def test_a_checkpoint_of_another_config_is_refused(tmp_path, trained, options):
    other = str(ROOT / 'configs' / 'motifnet_cce_minivg.py')
    with pytest.raises(ValueError, match='(?s)epoch_2.pth does not fit.*scorer'):
        run('test', other, trained / 'epoch_2.pth', '--work-dir', tmp_path, *options)


def test_mixed_precision_trains_and_tests(tmp_path, trained, options, tested):
    run('train', CONFIG, '--amp', '--work-dir', tmp_path, *options, 'train_cfg.max_epochs=1')
    state = weights(tmp_path / 'epoch_1.pth')
    for name, value in weights(trained / 'epoch_2.pth').items():
        assert state[name].dtype == value.dtype, name
    run('test', CONFIG, trained / 'epoch_2.pth', '--amp', '--work-dir', tmp_path, *options)
    rounded = json.loads((tmp_path / 'metrics.json').read_text())
    exact = json.loads((tested / 'metrics.json').read_text())
    assert rounded.keys() == exact.keys()


def test_a_detector_in_mixed_precision_without_a_gpu_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    detector = ROOT / 'configs' / 'faster_rcnn_vgg16_minivg.py'
    with pytest.raises(SystemExit, match='--amp: a mmdet.FasterRCNN alone'):
        run('train', detector, '--amp', '--work-dir', tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_trained_model_is_refined_on_detected_boxes(tmp_path, trained, options):
    config = ROOT / 'configs' / 'motifnet_cce_scorer_sggen_minivg.py'
    before = weights(trained / 'epoch_2.pth')
    run(
        'train',
        config,
        '--work-dir',
        tmp_path,
        *options,
        f'load_from={trained / "epoch_2.pth"}',
        'train_cfg.max_epochs=1',
    )
    after = weights(tmp_path / 'epoch_1.pth')
    assert after.keys() == before.keys()
    for name, value in after.items():
        if name.startswith('detector.'):
            assert torch.equal(value, before[name])
    classifier = 'relation_head.decoder.fc_label.weight'
    assert not torch.equal(after[classifier], before[classifier])
    assert list(tmp_path.glob('best_sggen_mR@100_epoch_1.pth'))


def test_where_there_is_nothing_to_resume_a_run_starts_from_load_from(tmp_path, trained, options):
    run(
        'train',
        CONFIG,
        '--resume',
        '--work-dir',
        tmp_path,
        *options,
        f'load_from={trained / "epoch_2.pth"}',
        'train_cfg.max_epochs=1',
        'optim_wrapper.optimizer.lr=0',
    )
    before, after = map(weights, (trained / 'epoch_2.pth', tmp_path / 'epoch_1.pth'))
    for name in ('decoder.fc_label.weight', 'fc_predicate.weight'):
        name = f'relation_head.{name}'
        assert torch.equal(after[name], before[name])


def test_refinement_needs_no_other_file_of_the_detector(tmp_path, trained, options):
    run(
        'train',
        CONFIG,
        '--work-dir',
        tmp_path,
        *options,
        f'model.detector.init_cfg.checkpoint={tmp_path}/detector/none.pth',
        f'load_from={trained / "epoch_2.pth"}',
        'train_cfg.max_epochs=1',
    )
    assert not (tmp_path / 'detector').exists()
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        run('train', CONFIG, '--work-dir', tmp_path, *options, f'load_from={tmp_path}/nowhere.pth')


@pytest.fixture
def changed(tmp_path, trained):
    """Writes the trained checkpoint with a change."""

    def write(change):
        checkpoint = torch.load(trained / 'epoch_2.pth', weights_only=False)
        change(checkpoint)
        del checkpoint['checksums']  # those of the original
        torch.save(checkpoint, tmp_path / 'changed.pth')
        return tmp_path / 'changed.pth'

    return write


def swap_names(kind):

    def change(checkpoint):
        names = checkpoint['meta']['dataset_meta']
        names[kind] = names[kind][:3] + names[kind][:2:-1]

    return change


@pytest.mark.parametrize(
    'change, message',
    [
        (
            lambda c: c['state_dict'].update(
                {'relation_head.fc_predicate.weight': torch.zeros(71, 256)}
            ),
            r'fc_predicate.weight.*\(71, 256\).*another data set',
        ),
        (
            lambda c: c['state_dict'].pop('relation_head.frequency_prior.table'),
            'lacks 1 weights .*frequency_prior.table',
        ),
        (swap_names('classes'), "classes: .* 3 .*'class 23'.*'class 3'"),
        (swap_names('predicates'), 'other predicates: number 3 '),
    ],
)
def test_refinement_of_another_model_is_refused(tmp_path, changed, options, change, message):
    with pytest.raises(ValueError, match=f'changed.pth.*{message}'):
        run('train', CONFIG, '--work-dir', tmp_path, *options, f'load_from={changed(change)}')
    assert not list(tmp_path.glob('epoch_*'))


def test_a_scorer_may_start_from_scratch_and_is_named(tmp_path, changed, options):
    path = changed(
        lambda checkpoint: [
            checkpoint['state_dict'].pop(key)
            for key in list(checkpoint['state_dict'])
            if '.scorer.' in key
        ]
    )
    run(
        'train',
        CONFIG,
        '--work-dir',
        tmp_path,
        *options,
        f'load_from={path}',
        'train_cfg.max_epochs=1',
        # runs of one name and second share a logger, and its file
        f'experiment_name={tmp_path.name}',
    )
    (log,) = tmp_path.glob('*/*.log')
    (line,) = [
        line for line in log.read_text().splitlines() if str(path) in line and 'Scorer' in line
    ]
    assert 'relation_head.scorer.' in line


def test_a_detector_of_permuted_classes_is_refused(tmp_path, detector, data, options):
    checkpoint = torch.load(detector)
    checkpoint.pop('checksums', None)
    checkpoint['meta'] = dict(dataset_meta=dict(classes=data.classes[::-1]))
    torch.save(checkpoint, tmp_path / 'permuted.pth')
    with pytest.raises(ValueError, match="permuted.pth.*number 0 is 'class 23'"):
        run(
            'train',
            CONFIG,
            '--work-dir',
            tmp_path,
            *options,
            f'model.detector.init_cfg.checkpoint={tmp_path}/permuted.pth',
        )


def test_the_detector_of_a_parser_is_taken_by_its_prefix(tmp_path, trained, options):
    config = tmp_path / 'config.py'
    config.write_text(f"""_base_ = {CONFIG!r}
model = dict(detector=dict(init_cfg=[
    dict(type='Pretrained', checkpoint={str(trained / 'epoch_2.pth')!r},
         prefix='detector.')]))
""")
    settings = [o for o in options if 'init_cfg' not in o]
    run('train', config, '--work-dir', tmp_path, *settings, 'train_cfg.max_epochs=1')
    before = weights(trained / 'epoch_2.pth')
    after = weights(tmp_path / 'epoch_1.pth')
    assert all(
        torch.equal(value, before[name]) for name, value in after.items() if 'detector.' in name
    )


@pytest.mark.parametrize('option', [('--tasks', 'sgcls'), ('--out', 'o.h5')])
def test_options_of_parsers_are_refused_for_a_detector(detector, option):
    config = ROOT / 'configs' / 'faster_rcnn_vgg16_minivg.py'
    with pytest.raises(SystemExit, match='minivg.py .*--tasks'):
        run('test', config, detector, *option)
