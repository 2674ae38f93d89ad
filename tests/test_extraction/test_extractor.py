import tarfile

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from mmsgp.apis import SceneGraphInferencer
from mmsgp.extraction import FAILURES, GRAPHS, SCHEMA_VERSION, GraphExtractor, list_blocks
from mmsgp.testing.models import write_random_checkpoint


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return write_random_checkpoint(tmp_path_factory.mktemp('model') / 'model.pth')


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    random = np.random.default_rng(0)
    for number in range(3):
        pixels = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{number}.png'), cv2.resize(pixels, (96, 72)))
    (folder / 'broken.jpg').write_bytes(b'no image')
    return folder


@pytest.fixture(scope='module')
def extractor(checkpoint, tmp_path_factory):
    output = tmp_path_factory.mktemp('output')
    for name in ('graphs', 'failures'):
        (output / name).mkdir()
    return GraphExtractor(output, checkpoint, device='cpu', batch_size=2, topk=3)


def test_graphs_are_those_of_the_inferencer_and_broken_images_stand_apart(
    extractor, images, checkpoint
):
    (block,) = list_blocks([images])
    assert extractor(block) == dict(parsed=3, failed=1)
    table = pq.read_table(extractor.output / 'graphs' / f'{block.name}.parquet')
    assert table.schema.equals(GRAPHS)
    assert table.schema.metadata[b'mmsgp_schema_version'] == SCHEMA_VERSION.encode()
    inferencer = SceneGraphInferencer(weights=checkpoint, device='cpu', show_progress=False)
    for row in table.to_pylist():
        (graph,) = inferencer(row['image'], topk=3)['predictions']
        assert (row['width'], row['height']) == (96, 72)
        assert [item['name'] for item in row['objects']] == [o['name'] for o in graph['objects']]
        boxes = [[item[side] for side in ('x1', 'y1', 'x2', 'y2')] for item in row['objects']]
        assert np.allclose(boxes, [item['bbox'] for item in graph['objects']], atol=0.02)
        assert len(row['relations']) == len(graph['relations']) == 3
        scores = [item['score'] for item in row['relations']]
        assert np.allclose(scores, [item['score'] for item in graph['relations']], atol=1e-5)
    (failure,) = pq.read_table(
        extractor.output / 'failures' / f'{block.name}.parquet', schema=FAILURES
    ).to_pylist()
    assert failure['image'] == f'{images}/broken.jpg' and 'not an image' in failure['error']


def test_a_block_that_is_done_is_not_done_again(extractor, images):
    (block,) = list_blocks([images])
    extractor(block)
    assert extractor(block) == dict(parsed=0, failed=0)


def test_bytes_in_a_tar_file_give_the_graphs_of_the_files(extractor, images, checkpoint, tmp_path):
    path = tmp_path / 'shard.tar'
    with tarfile.open(path, 'w') as archive:
        for file in sorted(images.iterdir()):
            archive.add(file, file.name)
    other = GraphExtractor(tmp_path, checkpoint, device='cpu', topk=3)
    assert other(*list_blocks([path])) == dict(parsed=3, failed=1)
    (block,) = list_blocks([images])
    extractor(block)
    tables = [
        pq.read_table(folder / 'graphs' / f'{block.name}.parquet').to_pylist()
        for folder in (tmp_path, extractor.output)
    ]
    for of_tar, of_file in zip(*tables):
        assert of_tar.pop('image') == f'{path}::' + of_file.pop('image').rpartition('/')[2]
        assert [r['predicate'] for r in of_tar['relations']] == [
            r['predicate'] for r in of_file['relations']
        ]
    (failure,) = pq.read_table(tmp_path / 'failures' / 'part-00000000.parquet').to_pylist()
    assert failure['image'] == f'{path}::broken.jpg'


def test_one_image_that_cannot_be_parsed_does_not_take_its_batch_with_it(
    checkpoint, images, tmp_path, monkeypatch
):
    extractor = GraphExtractor(tmp_path, checkpoint, device='cpu', batch_size=4)
    forward = extractor.inferencer.forward

    def fail_for_the_second(data, *args):
        if any(image.float().mean() == marked for image in data['inputs']):
            raise RuntimeError('out of memory')
        return forward(data, *args)

    marked = (
        extractor.inferencer.pipeline(dict(next(iter(_loaded(images / '1.png')))))['inputs']
        .float()
        .mean()
    )
    monkeypatch.setattr(extractor.inferencer, 'forward', fail_for_the_second)
    assert extractor(*list_blocks([images])) == dict(parsed=2, failed=2)
    rows = pq.read_table(tmp_path / 'failures' / 'part-00000000.parquet').to_pylist()
    assert {row['image']: row['error'] for row in rows}[f'{images}/1.png'] == 'out of memory'


def _loaded(path):
    from mmsgp.apis.image_inputs import ImageSource

    return ImageSource(str(path))
