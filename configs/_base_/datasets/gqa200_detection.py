# Boxes of GQA-200.
_base_ = './vg_detection.py'

data_root = 'data/gqa200/'
num_classes = 200
num_predicates = 100

# The files of SHA-GCL: GQA_200_Train.json, ...
source = dict(type='GQA200Dataset', data_root=data_root, data_prefix=dict(img='images'))
train_dataloader = dict(dataset=source)
val_dataloader = dict(dataset=source)
test_dataloader = dict(dataset=source)
