"""Training at changing input sizes."""

from __future__ import annotations

from mmpose.models.data_preprocessors.batch_augmentation import BatchSyncRandomResize
from mmpose.structures import PoseDataSample
from torch import Tensor

from footmm.pitch.frames import pixel_scaling
from footmm.registry import MODELS


@MODELS.register_module()
class SyncRandomResize(BatchSyncRandomResize):
    """mmpose's ``BatchSyncRandomResize`` that moves the cameras and keeps pixel centres.

    mmpose multiplies coordinates by the scale, which is right for pixel corners at integers;
    footmm's pixel centres are at integers, and half a pixel is decimetres on the pitch.

    Takes mmpose's arguments; ``random_size_range`` is that of the height.
    """

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample]
    ) -> tuple[Tensor, list[PoseDataSample]]:
        """Resize a batch of images ``(N, 3, H, W)`` with its labels and cameras."""
        old_size = inputs.shape[:1:-1]
        inputs, data_samples = super().forward(inputs, data_samples)
        matrix = pixel_scaling(old_size, inputs.shape[:1:-1])
        for sample in data_samples:
            sample.set_metainfo(
                {
                    "image_homographies": matrix @ sample.image_homographies,
                    "image_homography": matrix @ sample.image_homography,
                    "input_size": tuple(inputs.shape[:1:-1]),
                }
            )
            labels = sample.gt_instance_labels
            shift = labels.keypoints.new_tensor(matrix[:2, 2])
            labels.keypoints = labels.keypoints + shift
            labels.bboxes = labels.bboxes + shift.repeat(2)
        return inputs, data_samples
