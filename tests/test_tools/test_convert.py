"""convert.py writes another format, with splits and images as asked, and loses nothing."""

import json

import pytest

from helpers.formats import SCENES, WRITERS, edit, write_images
from mmsgp.datasets import VGDataset
from mmsgp.datasets.formats import FORMATS

TOOL = 'dataset_converters/convert'


@pytest.fixture
def convert(run_tool, capsys, tmp_path):
    """Converts the miniature of a format; returns the folder and the output."""

    def convert(source, target, *args, src=None):
        if src is None:
            root = tmp_path / source
            root.mkdir()
            src = WRITERS[source](root)
        dst = tmp_path / 'out'
        run_tool(TOOL, '--from', source, '--to', target, src, dst, *args)
        return dst, ' '.join(capsys.readouterr().out.split())

    return convert


def splits_of(dst, name='vg-sgg'):
    annotations = FORMATS[name].read(str(dst))
    return dict(zip(annotations.image_ids.tolist(), annotations.splits.tolist()))


@pytest.mark.parametrize('target', ['vg-sgg', 'coco-relations', 'psg'])
@pytest.mark.parametrize('source', [name for name in WRITERS if name != 'indoorvg'])
def test_any_format_goes_to_any(convert, source, target):
    dst, output = convert(source, target)
    assert 'no difference to' in output and 'The images stay where they are' in output
    number = 5 if source == 'label-studio' else 6
    assert len(FORMATS[target].read(str(dst))) == number
    assert FORMATS[source].not_read in output


def test_images_are_linked_or_copied_where_the_format_has_them(convert, tmp_path):
    src = WRITERS['coco-relations'](tmp_path)
    for scene in SCENES:
        write_images(src / scene['split'], [scene])
    dst, _ = convert('coco-relations', 'vg-sgg', '--images', 'link', src=src)
    kwargs = dict(data_root=str(dst), data_prefix=dict(img='images'))
    for split in ('train', 'val', 'test'):
        dataset = VGDataset(split=split, **kwargs)
        for index in range(len(dataset)):
            path = dataset.get_data_info(index)['img_path']
            (scene,) = (s for s in SCENES if s['id'] == dataset.get_data_info(index)['img_id'])
            with open(path, 'rb') as file, open(src / split / scene['file'], 'rb') as original:
                assert file.read() == original.read()
    assert (dst / 'images/21.jpg').is_symlink()
    dst, _ = convert('coco-relations', 'coco-relations', '--images', 'copy', src=src)
    copied = sorted(str(path.relative_to(dst)) for path in dst.glob('t*/*.jpg'))
    assert copied == ['test/7.jpg', *(f'train/{i}.jpg' for i in (12, 21, 5, 9))]
    assert not (dst / 'train/21.jpg').is_symlink()


def test_a_missing_image_is_named_with_a_file_near_it(convert, tmp_path):
    src = WRITERS['psg'](tmp_path)
    write_images(src)
    (src / '7.jpg').rename(src / '007.png')
    with pytest.raises(SystemExit, match='image 7 is missing.*There is .*007.png'):
        convert('psg', 'vg-sgg', '--images', 'link', src=src)
    assert not (tmp_path / 'out/VG-SGG.h5').exists()


def test_two_images_of_one_name_are_refused(convert, tmp_path):
    src = WRITERS['coco-relations'](tmp_path)
    edit(src / 'test/_annotations.coco.json', 'images/0/file_name', '21.jpg')
    for scene in SCENES:
        write_images(src / scene['split'], [scene])
    write_images(src / 'test', [dict(SCENES[1], file='21.jpg')])
    with pytest.raises(SystemExit, match='two images would become .*images/21.jpg'):
        convert('coco-relations', 'vg-sgg', '--images', 'copy', src=src)


def test_no_image_is_written_outside_of_the_folder(convert, tmp_path):
    (tmp_path / 'a').mkdir()
    src = WRITERS['psg'](tmp_path / 'a')
    write_images(src)
    edit(src / 'psg.json', 'data/0/file_name', '../a/21.jpg')
    with pytest.raises(SystemExit, match="the file name '../a/21.jpg', outside of DST"):
        convert('psg', 'psg', '--images', 'copy', src=src)


def test_splits_are_drawn_or_listed(convert, tmp_path):
    dst, _ = convert('label-studio', 'vg-sgg', '--split', 'val=1', 'test=40%')
    splits = list(splits_of(dst).values())
    assert [splits.count(code) for code in (0, 1, 2)] == [2, 1, 2]
    (tmp_path / 'train.txt').write_text('21\n5')
    (tmp_path / 'test.json').write_text('["7"]')
    dst, _ = convert(
        'psg',
        'vg-sgg',
        '--overwrite',
        '--split',
        f'train={tmp_path}/train.txt',
        f'test={tmp_path}/test.json',
    )
    assert splits_of(dst) == {21: 0, 7: 2, 5: 0}


def test_a_seed_draws_the_same_images_again(convert, tmp_path):
    src = WRITERS['label-studio'](tmp_path)
    args = ('label-studio', 'vg-sgg', '--overwrite', '--split', 'val=2', '--seed')
    drawn = [splits_of(convert(*args, seed, src=src)[0]) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert any(drawn[0] != other for other in drawn[2:])


@pytest.mark.parametrize(
    'options, message',
    [
        (['dev=3'], '--split takes train=, val= and test=, each once'),
        (['val'], '--split takes train='),
        (['val=1', 'val=2'], 'each once'),
        (['train=3'], 'draws images of val and test'),
        (['val=1', 'test=ids.txt'], 'files for all splits, or numbers for all'),
        (['val=4'], 'val=4 is 4 images, but training has 4: leave some'),
    ],
)
def test_a_wrong_split_is_refused(convert, options, message):
    with pytest.raises(SystemExit, match=message):
        convert('vg-sgg', 'psg', '--split', *options)


def test_boxes_outside_are_refused_or_clipped_and_counted(convert, tmp_path):
    src = WRITERS['psg'](tmp_path)
    edit(src / 'psg.json', 'data/0/annotations/0/bbox', [-3, 2, 70, 40])
    with pytest.raises(SystemExit, match='image 21 .* which leaves it'):
        convert('psg', 'vg-sgg', src=src)
    dst, output = convert('psg', 'vg-sgg', '--clip', src=src)
    assert '1 of 11 boxes were clipped' in output
    boxes = FORMATS['vg-sgg'].read(str(dst)).boxes.tolist()
    assert boxes[0] == [0, 2, 64, 40]


def test_nothing_is_overwritten_unasked(convert, tmp_path):
    src = WRITERS['psg'](tmp_path)
    convert('psg', 'coco-relations', src=src)
    with pytest.raises(SystemExit, match='has train/_annotations.coco.json, .*--overwrite'):
        convert('psg', 'coco-relations', src=src)
    edit(src / 'psg.json', 'test_image_ids', [])
    dst, _ = convert('psg', 'coco-relations', '--overwrite', src=src)
    assert not (dst / 'test/_annotations.coco.json').exists()


def test_annotations_are_not_converted_onto_themselves(run_tool, tmp_path):
    src = WRITERS['psg'](tmp_path)
    before = (src / 'psg.json').read_text()
    with pytest.raises(SystemExit, match='is the folder of the annotations themselves'):
        run_tool(TOOL, '--from', 'psg', '--to', 'psg', src / 'psg.json', src, '--overwrite')
    assert json.loads((src / 'psg.json').read_text()) == json.loads(before)
