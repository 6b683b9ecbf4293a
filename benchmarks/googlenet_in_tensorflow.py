"""BVLC GoogLeNet up to inception_4c in TensorFlow's operations, for the recipes of TensorFlow and Keras.

Independent of the package, like the plain transcription in PyTorch; Szegedy and others (2015), Going deeper with
convolutions.
"""

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

MEAN_BGR = np.float32([104.0, 117.0, 123.0])


def build(path):
    """Return the network with the weights in a file.

    Parameters
    ----------
    path : str
        The weights under their Caffe names, as safetensors.

    Returns
    -------
    callable
        From pictures ``(batch, row, column, 3 RGB)`` in -1 to 1, of even sizes at every pool, to inception_4c's output.
    """
    weights = load_file(path)
    # Its convolutions take kernels as (row, column, in, out).
    weights = {name: tf.constant(one.transpose(2, 3, 1, 0) if one.ndim == 4 else one) for name, one in weights.items()}

    def conv(name, values, stride=1):
        kernel = weights[f"{name}.weight"]
        around = [kernel.shape[0] // 2] * 2
        values = tf.nn.conv2d(values, kernel, stride, [[0, 0], around, around, [0, 0]])
        return tf.nn.relu(values + weights[f"{name}.bias"])

    def pool(values, stride):
        # SAME is what Caffe does as long as sizes are even.
        return tf.nn.max_pool2d(values, 3, stride, "SAME")

    def lrn(values):
        return tf.nn.local_response_normalization(values, depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75)

    def inception(name, values):
        branches = [
            conv(f"{name}/1x1", values),
            conv(f"{name}/3x3", conv(f"{name}/3x3_reduce", values)),
            conv(f"{name}/5x5", conv(f"{name}/5x5_reduce", values)),
            conv(f"{name}/pool_proj", pool(values, 1)),
        ]
        return tf.concat(branches, axis=-1)

    def network(image):
        values = ((image + 1) * 127.5)[..., ::-1] - MEAN_BGR
        values = lrn(pool(conv("conv1/7x7_s2", values, stride=2), 2))
        values = pool(lrn(conv("conv2/3x3", conv("conv2/3x3_reduce", values))), 2)
        for block in ("3a", "3b", "4a", "4b", "4c"):
            if block == "4a":
                values = pool(values, 2)
            values = inception(f"inception_{block}", values)
        return values

    return network
