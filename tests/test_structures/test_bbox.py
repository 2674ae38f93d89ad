import numpy as np

from mmsgp.structures.bbox import boxes_overlap


def test_boxes_that_touch_do_not_overlap():
    box = np.array([10.0, 10, 20, 20])
    others = np.array(
        [[20.0, 10, 30, 20], [10, 20, 20, 30], [19, 19, 30, 30], [12, 12, 13, 13], [0, 0, 5, 5]]
    )
    assert boxes_overlap(box, others).tolist() == [False, False, True, True, False]
