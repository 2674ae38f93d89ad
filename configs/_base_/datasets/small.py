# MiniVG and VRD: some thousand images in one folder.
small_loader = dict(batch_size=8, num_workers=1)
small_dataset = dict(data_prefix=dict(img='images'), num_val_images=200)
