import io
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsgp.extraction import Block, Item, list_blocks, read_items


def write_tar(path, **members):
    with tarfile.open(path, 'w') as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace('__', '.'))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b'')
    return folder


def test_files_are_divided_in_the_order_of_their_names_to_the_bottom_of_folders(tmp_path):
    touch(tmp_path, 'b/2.jpg', 'a.png', 'b/1.jpg', 'notes.md', 'c.JPG')
    blocks = list_blocks([tmp_path], block_size=3)
    names = [f'{tmp_path}/{name}' for name in ('a.png', 'c.JPG', 'b/1.jpg', 'b/2.jpg')]
    assert [list(block.files) for block in blocks] == [names[:3], names[3:]]
    assert [block.name for block in blocks] == ['part-00000000', 'part-00000001']


def test_hidden_files_of_folders_are_passed_over(tmp_path):
    folder = touch(tmp_path, 'a.jpg', '._a.jpg', '.cache/b.jpg', 'sub/c.jpg')
    (block,) = list_blocks([folder])
    assert block.files == (str(folder / 'a.jpg'), str(folder / 'sub/c.jpg'))


def test_an_image_that_is_named_twice_is_parsed_once(tmp_path):
    touch(tmp_path, '1.jpg')
    (block,) = list_blocks([tmp_path, tmp_path / '1.jpg', tmp_path])
    assert block.files == (f'{tmp_path}/1.jpg',)


def test_a_list_names_files_relative_to_itself_and_missing_ones_too(tmp_path):
    (tmp_path / 'list.txt').write_text('images/ä 1.jpg\n\n/else/where.png\n', encoding='utf-8')
    (block,) = list_blocks([tmp_path / 'list.txt'])
    assert block.files == (f'{tmp_path}/images/ä 1.jpg', '/else/where.png')


def test_images_in_a_tar_file_are_read_with_their_names_and_others_left(tmp_path):
    path = write_tar(tmp_path / 'shard.tar', a__jpg=b'one', a__json=b'{}', b__PNG=b'two')
    (block,) = list_blocks([path])
    assert list(read_items(block)) == [
        Item(f'{path}::a.jpg', b'one'),
        Item(f'{path}::b.PNG', b'two'),
    ]


def test_a_tar_file_that_breaks_off_gives_its_first_images_and_an_error(tmp_path):
    path = write_tar(tmp_path / 'shard.tar', a__jpg=b'one', b__jpg=b'x' * 5000)
    path.write_bytes(path.read_bytes()[:3000])
    first, broken = read_items(*list_blocks([path]))
    assert first.content == b'one' and broken.content is None
    assert broken.name == str(path) and 'cannot be read further' in broken.error


@pytest.mark.parametrize('as_struct', [False, True])
def test_row_groups_of_parquet_files_are_blocks(tmp_path, as_struct):
    contents = [b'one', b'two', b'three']
    images = [dict(bytes=c, path=None) for c in contents] if as_struct else contents
    path = tmp_path / 'images.parquet'
    pq.write_table(pa.table(dict(key=['a', 'b', 'c'], image=images)), path, row_group_size=2)
    first, second = list_blocks([path])
    assert list(read_items(first)) == [
        Item(f'{path}::0/0::a', b'one'),
        Item(f'{path}::0/1::b', b'two'),
    ]
    assert list(read_items(second)) == [Item(f'{path}::1/0::c', b'three')]


def test_a_column_without_bytes_is_an_error_per_image(tmp_path):
    path = tmp_path / 'images.parquet'
    pq.write_table(pa.table(dict(image=['text', None])), path)
    items = list(read_items(*list_blocks([path])))
    assert [item.content for item in items] == [None, None]
    assert all('holds no bytes' in item.error for item in items)


def test_wrong_inputs_are_named(tmp_path):
    touch(tmp_path, 'empty/notes.md', 'a.pdf', 'b.parquet')
    pq.write_table(pa.table(dict(picture=[b'1'])), tmp_path / 'c.parquet')
    (tmp_path / 'd.txt').write_bytes(b'\xff\xfe\x00')
    for name, words in {
        'empty': 'no image, tar or Parquet file',
        'a.pdf': 'a.pdf: expected an image',
        'b.parquet': 'b.parquet is not a Parquet file',
        'c.parquet': r'c.parquet has no column .* its columns are picture',
        'd.txt': 'd.txt is not a text file',
    }.items():
        with pytest.raises(ValueError, match=words):
            list_blocks([tmp_path / name])
    with pytest.raises(FileNotFoundError, match='e.jpg'):
        list_blocks([tmp_path / 'e.jpg'])
    with pytest.raises(ValueError, match='block_size must be positive, got 0'):
        list_blocks([tmp_path], block_size=0)
    (block,) = list_blocks([tmp_path / 'c.parquet'], image_column='picture')
    assert next(read_items(block, 'picture')).content == b'1'


def test_a_block_of_files_reads_nothing_before_it_is_parsed():
    assert list(read_items(Block(0, files=('missing.jpg',)))) == [Item('missing.jpg')]
