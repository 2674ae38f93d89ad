# Boxes of Open Images V6.
_base_ = './vg_detection.py'

data_root = 'data/openimages/'
num_classes = 601
num_predicates = 30

# The files of PySGG: annotations/vrd-train-anno.json, ...; it has its own validation images.
source = dict(type='OpenImagesRelationDataset', data_root=data_root, data_prefix=dict(img='images'))
train_dataloader = dict(dataset=source)
val_dataloader = dict(dataset=source)
test_dataloader = dict(dataset=source)
