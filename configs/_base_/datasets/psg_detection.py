# Boxes of the segments of PSG, things and stuff.
_base_ = './vg_detection.py'

data_root = 'data/psg/'
num_classes = 133
num_predicates = 56

# Images are in data/psg/train2017/ and data/psg/val2017/.
source = dict(type='PSGDataset', data_root=data_root, data_prefix=dict(img=''), num_val_images=1000)
train_dataloader = dict(dataset=source)
val_dataloader = dict(dataset=source)
test_dataloader = dict(dataset=source)
