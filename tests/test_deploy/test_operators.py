"""Operations of ONNX Runtime agree with those of PyTorch where scores are equal, too."""

import onnxruntime
import torch

from mmsgp.deploy.operators import TRANSLATIONS

OBJECTS, CLASSES = 6, 7


class LabelJointly(torch.nn.Module):
    def forward(self, probabilities, overlap, valid):
        return torch.ops.mmsgp.label_jointly(probabilities, overlap, valid)


def random_boxes(batch):
    """Scores with ties and zeros, which boxes overlap, and the rows that are objects."""
    steps = int(torch.randint(2, 1000, ()))
    probabilities = (torch.rand(batch, OBJECTS, CLASSES) * steps).round() / steps
    overlap = (torch.rand(batch, OBJECTS, OBJECTS) > 0.6).float()
    overlap = ((overlap + overlap.mT + torch.eye(OBJECTS)) > 0).float()
    valid = torch.arange(OBJECTS) < torch.randint(OBJECTS + 1, (batch, 1))
    return probabilities, overlap, valid


def test_joint_labels_are_those_of_pytorch(tmp_path):
    torch.manual_seed(0)
    batch = torch.export.Dim('batch')
    exported = torch.export.export(
        LabelJointly(), random_boxes(2), dynamic_shapes=({0: batch},) * 3
    )
    program = torch.onnx.export(
        exported, dynamo=True, opset_version=18, custom_translation_table=TRANSLATIONS
    )
    program.save(tmp_path / 'labels.onnx')
    session = onnxruntime.InferenceSession(tmp_path / 'labels.onnx')
    names = [node.name for node in session.get_inputs()]
    for number in (1, 2, 5) * 40:
        inputs = random_boxes(number)
        expected, valid = torch.ops.mmsgp.label_jointly(*inputs), inputs[2]
        (found,) = session.run(None, dict(zip(names, (value.numpy() for value in inputs))))
        assert found[valid.numpy()].tolist() == expected[valid].tolist()
