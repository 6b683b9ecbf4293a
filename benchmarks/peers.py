"""Time a gradient evaluation in other tools and in seisdream, in turns in one run.

    python benchmarks/peers.py [--folder PEERS] [--rounds 3] [--evaluations 10] [--size 448] [--only NAME ...]

Each peer is installed from PyPI with `--no-deps` into its own environment under the folder, with only the packages
named here in addition; torch and all other packages come from this project's environment, so that all run on the same
PyTorch. The folder can be used again: what is installed stays (TensorFlow takes 2 GB and minutes).

All increase BVLC GoogLeNet's `inception_4c/output` on the same square from the middle of a section, by the same number
of gradient evaluations at that one size (not all have octaves), otherwise each by its own recipe. A peer that takes an
`nn.Module` receives seisdream's, with trainable weights, unless the peer freezes them itself. Peers with their own
GoogLeNet must agree with the transcription's activation of the layer within 5 % before they are timed. One turn is one
call of what the peer's user calls, with the network loaded beforehand.

PyPI's torchvision for Linux is built for CUDA; on a PyTorch for the CPU it imports only if its two compiled operators
are declared first, which is done here for the peers that import it (they never call them).

Printed are a table in Markdown, medians over the rounds, and a line for each peer that could not be installed or run.
"""

import argparse
import importlib.metadata
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contenders import SHARED, answer, in_turns, to_image_tensor, transcription
from environments import install, matching_torchvision, version_of

LAYER = "inception_4c/output"
MEAN_BGR = np.float32([104.0, 117.0, 123.0])
JITTER = 32


def load_module(options):
    """Return seisdream's GoogLeNet as the plain module that other tools take."""
    from seisdream.models.registry import load_network

    module = load_network("googlenet", weights=options.weights).module.eval()
    return module.requires_grad_(True)


def to_caffe(image):
    """Turn ``(1, 3 RGB, row, column)`` in 0 to 1 into what the module was trained on."""
    return image.flip(1) * 255 - image.new_tensor(MEAN_BGR).view(1, 3, 1, 1)


def read_square(options):
    """Return the picture ``(row, column, 3)`` in grey levels."""
    return np.load(options.folder / "square.npy")


def check_layer(activation, options):
    """Raise unless an activation of the layer has the transcription's mean square, within 5 %."""
    got, expected = float(np.square(activation).mean()), float(np.load(options.folder / "mean_square.npy"))
    if abs(got / expected - 1) > 0.05:
        raise ValueError(f"its {LAYER} has a mean square of {got:.4g}, the transcription's {expected:.4g}")


def declare_torchvision_operators():
    """Let torchvision be imported where its compiled half does not load; nothing here calls these two."""
    import torch

    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")


def as_ours(options, precision):
    """Return a turn of seisdream."""
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.settings import DreamSettings
    from seisdream.models.registry import load_network

    section, network = open_square(options), load_network("googlenet", weights=options.weights)
    recipe = DreamSettings(
        layer=LAYER, octaves=1, steps=options.evaluations, jitter=JITTER, precision=precision, device="cpu"
    )

    def turn():
        for _ in Dream(section, network, settings=recipe).states():
            pass

    return turn


def as_transcribed(options):
    """Return a turn of the plain transcription of the recipe of 2015."""
    from safetensors.torch import load_file

    dream, picture = transcription().dream, read_square(options)
    weights = {name: tensor.requires_grad_(True) for name, tensor in load_file(options.weights).items()}

    def turn():
        dream(weights, picture, n_octaves=1, n_steps=options.evaluations, jitter=JITTER)

    return turn


def as_torch_lucent(options):
    """Return a turn of torch-lucent: free pixels instead of its spectrum of noise, its Adam, its jitter."""
    declare_torchvision_operators()
    import torch
    from lucent.optvis import render, transform

    module = load_module(options)
    start = torch.from_numpy(np.float32(read_square(options)) / 255).permute(2, 0, 1)[None]

    def pixels():
        tensor = start.clone().requires_grad_(True)
        return [tensor], lambda: tensor

    def turn():
        render.render_vis(
            module,
            lambda layer: -0.5 * layer(LAYER).square().sum(),
            pixels,
            transforms=[transform.jitter(JITTER), to_caffe],
            preprocess=False,
            thresholds=(options.evaluations,),
            progress=False,
            show_image=False,
        )

    return turn


def as_torch_dreams(options):
    """Return a turn of torch-dreams: the picture's spectrum free, its AdamW, its rotations, without its resizing."""
    declare_torchvision_operators()
    import torch
    from torch_dreams import CustomImageParam, Dreamer

    class ToCaffe(torch.nn.Module):
        def forward(self, image):
            return to_caffe(image)

    module = load_module(options)
    dreamer = Dreamer(module, quiet=True, device="cpu")
    dreamer.set_custom_normalization(ToCaffe())
    start = CustomImageParam(torch.from_numpy(np.float32(read_square(options)) / 255).permute(2, 0, 1)[None], "cpu")

    def turn():
        dreamer.render(
            layers=[module.get_submodule(LAYER)],
            image_parameter=start,
            iters=options.evaluations,
            lr=3e-4,
            grad_clip=0.1,
            weight_decay=0.1,
            scale_min=1.0,
            scale_max=1.0,
        )

    return turn


def as_neural_dream(options):
    """Return a turn of neural-dream: its command, with its own GoogLeNet and the weights under its names."""
    declare_torchvision_operators()
    import copy

    import torch
    from PIL import Image
    from safetensors.torch import load_file

    os.chdir(options.folder)
    Image.fromarray(read_square(options).round().astype(np.uint8)).save("square.png")
    weights = {name.replace("/", "_"): tensor for name, tensor in load_file(options.weights).items()}
    torch.save(weights, "bvlc_googlenet.pth")
    # It reads its options when it is imported. It evaluates once more than -octave_iter says.
    sys.argv = ["neural-dream", "-gpu", "c", "-content_image", "square.png", "-image_size", str(options.size)]
    sys.argv += ["-model_file", "bvlc_googlenet.pth", "-dream_layers", LAYER.replace("/", "_"), "-disable_check"]
    sys.argv += ["-num_octaves", "1", "-num_iterations", "1", "-octave_iter", str(options.evaluations - 1)]
    sys.argv += ["-jitter", str(JITTER), "-output_image", "neural-dream.png"]
    from neural_dream import neural_dream

    loaded, names = neural_dream.loadCaffemodel("bvlc_googlenet.pth", "max", "c", True, True)
    recorded = []
    probe = getattr(loaded, LAYER.replace("/", "_")).register_forward_hook(lambda *call: recorded.append(call[2]))
    with torch.no_grad():
        loaded(to_caffe(torch.from_numpy(np.float32(read_square(options)) / 255).permute(2, 0, 1)[None]))
    probe.remove()
    check_layer(recorded[0].numpy(), options)
    neural_dream.loadCaffemodel = lambda *_: (copy.deepcopy(loaded), names)
    return neural_dream.main


def in_tensorflow(options):
    """Return TensorFlow, GoogLeNet in its operations, and the picture to start from."""
    import googlenet_in_tensorflow
    import tensorflow as tf

    if "OMP_NUM_THREADS" in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
    network = googlenet_in_tensorflow.build(options.weights)
    start = tf.constant(np.float32(read_square(options)) / 127.5 - 1)
    check_layer(network(start[None]).numpy(), options)
    return tf, network, start


def as_tensorflow_tutorial(options):
    """Return a turn of TensorFlow's DeepDream tutorial: rolled, in tiles of 512, divided by the gradient's deviation.

    The recipe is the tutorial's last, written anew; its InceptionV3 gives way to GoogLeNet.
    """
    tf, network, start = in_tensorflow(options)
    picture = tf.TensorSpec([None, None, 3], tf.float32)

    @tf.function(input_signature=[picture, tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.int32)])
    def gradient_of(image, size, tile):
        shift = tf.random.uniform([2], -tile, tile, tf.int32)
        rolled = tf.roll(image, shift, [0, 1])
        total = tf.zeros_like(rolled)
        # As in the tutorial, the last tile of each row and column is left out, unless it is the only one.
        for row in tf.range(0, tf.maximum(size[0] - tile, 1), tile):
            for column in tf.range(0, tf.maximum(size[1] - tile, 1), tile):
                with tf.GradientTape() as tape:
                    tape.watch(rolled)
                    loss = tf.reduce_mean(network(rolled[None, row : row + tile, column : column + tile]))
                total += tape.gradient(loss, rolled)
        total = tf.roll(total, -shift, [0, 1])
        return total / (tf.math.reduce_std(total) + 1e-8)

    def turn():
        image = start
        for _ in range(options.evaluations):
            image = tf.clip_by_value(image + 0.01 * gradient_of(image, tf.shape(image)[:2], tf.constant(512)), -1, 1)

    return turn


def as_keras_example(options):
    """Return a turn of Keras's Deep Dream example: eager, whole pictures, divided by the gradient's mean size.

    The recipe is the example's, written anew; its InceptionV3 gives way to GoogLeNet.
    """
    tf, network, start = in_tensorflow(options)

    def turn():
        image = start[None]
        for _ in range(options.evaluations):
            with tf.GradientTape() as tape:
                tape.watch(image)
                recorded = network(image)
                loss = tf.reduce_sum(tf.square(recorded[:, 2:-2, 2:-2])) / tf.size(recorded, tf.float32)
            gradient = tape.gradient(loss, image)
            image += 0.01 * gradient / tf.maximum(tf.reduce_mean(tf.abs(gradient)), 1e-6)

    return turn


def as_captum(_options):
    """Raise: Captum's feature visualisation, `captum.optim`, has to be there first."""
    import captum.optim

    raise NotImplementedError(f"captum.optim {captum.optim.__name__} came back; time it here")


def as_lucid(_options):
    """Raise unless Lucid imports on today's TensorFlow."""
    import lucid.optvis.render

    raise NotImplementedError(f"{lucid.optvis.render.__name__} imports again; time it here")


@dataclass(frozen=True)
class Contender:
    """What one may dream with.

    Attributes
    ----------
    prepare : callable
        Returns a turn of it.
    recipe : str
        What it did.
    lacks : str
        What a geophysicist would miss.
    packages : tuple of str
        What to install, the contender itself first; none for what is in this environment.
    environment : str
        The folder of its environment, shared by those that need the same large packages.
    """

    prepare: Callable
    recipe: str = ""
    lacks: str = ""
    packages: tuple[str, ...] = ()
    environment: str = ""


_IPYTHON = (
    "ipython decorator traitlets jedi parso prompt_toolkit wcwidth matplotlib-inline stack-data executing asttokens "
    "pure-eval pexpect ptyprocess ipython-pygments-lexers"
)
_TENSORFLOW = (
    "tensorflow keras absl-py astunparse flatbuffers gast google-pasta opt-einsum protobuf six termcolor wrapt grpcio "
    "ml-dtypes namex optree rich future decorator"
)
_PICTURES_ONLY = "amplitudes and their units, SEG-Y, levels"
CONTENDERS = {
    "seisdream, `--precision float32`": Contender(lambda o: as_ours(o, "float32"), "the recipe of 2015 on amplitudes"),
    "seisdream, `--precision auto`": Contender(lambda o: as_ours(o, "auto"), "the same, bfloat16 where it is native"),
    "plain transcription": Contender(as_transcribed, "the recipe of 2015 on pictures", _PICTURES_ONLY),
    "torch-lucent": Contender(
        as_torch_lucent,
        "½‖a‖² of the layer, Adam on free pixels, jitter; runs the network to its end",
        f"octaves, {_PICTURES_ONLY}",
        ("torch-lucent", "kornia<=0.4.1", matching_torchvision(), *_IPYTHON.split()),
        "torch-lucent",
    ),
    "torch-dreams": Contender(
        as_torch_dreams,
        "mean of the layer, AdamW on the picture's spectrum, rotations; runs the network to its end",
        f"octaves, {_PICTURES_ONLY}",
        ("torch-dreams", "opencv-python-headless", matching_torchvision()),
        "torch-dreams",
    ),
    "neural-dream": Contender(
        as_neural_dream,
        "square of the layer, Adam on pixels, jitter; its own GoogLeNet with the same weights, to its end",
        "networks of one's own, amplitudes and their units, SEG-Y",
        ("neural-dream", matching_torchvision()),
        "neural-dream",
    ),
    "TensorFlow's tutorial": Contender(
        as_tensorflow_tutorial,
        "mean of the layer, gradient over its deviation, rolled, tiles of 512, in `tf.function`",
        _PICTURES_ONLY,
        tuple(_TENSORFLOW.split()),
        "tensorflow",
    ),
    "Keras's example": Contender(
        as_keras_example,
        "mean square of the layer, gradient over its mean size, eager",
        f"jitter, {_PICTURES_ONLY}",
        tuple(_TENSORFLOW.split()),
        "tensorflow",
    ),
    "Captum": Contender(as_captum, packages=("captum",), environment="captum"),
    "Lucid": Contender(as_lucid, packages=("lucid", *_TENSORFLOW.split()), environment="tensorflow"),
}


def python_of(contender, options):
    """Return the Python that runs a contender, with what it needs installed."""
    if not contender.packages:
        return sys.executable
    return install(contender.packages, options.folder / contender.environment)


def version(contender, options):
    """Return the version of what is timed."""
    if contender.packages:
        return version_of(contender.packages[0], options.folder / contender.environment)
    return "2015" if contender.prepare is as_transcribed else importlib.metadata.version("seisdream")


def open_square(options):
    """Return the square out of the middle of the section."""
    from seisdream.io.inputs import open_section

    section = open_section(options.section)
    edges = [(length - options.size) // 2 for length in section.shape[:2]]
    if min(edges) < 0 or options.size % 16:
        sys.exit(f"--size {options.size} is not a multiple of 16 that fits into {section.shape}.")
    return section[edges[0] : edges[0] + options.size, edges[1] : edges[1] + options.size]


def write_inputs(options):
    """Write what the workers read: the picture, and the layer's mean square on it by the transcription."""
    from safetensors.torch import load_file

    picture = to_image_tensor(open_square(options))
    caffe = np.float32(picture).transpose(2, 0, 1)[::-1] - MEAN_BGR[:, None, None]
    np.save(options.folder / "square.npy", picture)
    np.save(options.folder / "mean_square.npy", transcription().mean_square(load_file(options.weights), caffe))


def read_options():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to install [a folder that is removed afterwards]")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each [3]")
    parser.add_argument("--evaluations", type=int, default=10, help="gradient evaluations a turn [10]")
    parser.add_argument("--size", type=int, default=448, help="side of the square, a multiple of 16 [448]")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, help="these, besides seisdream")
    parser.add_argument("--section", default=str(SHARED / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(SHARED / "weights" / "bvlc_googlenet.safetensors"))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(options):
    """Install, measure and print."""
    options.folder.mkdir(parents=True, exist_ok=True)
    options.folder = options.folder.resolve()
    write_inputs(options)
    names = [name for name in CONTENDERS if not CONTENDERS[name].packages or name in (options.only or CONTENDERS)]
    commands, errors = {}, {}
    for name in names:
        try:
            python = python_of(CONTENDERS[name], options)
        except RuntimeError as error:
            errors[name] = str(error)
            continue
        settings = {"worker": name, "folder": options.folder, "evaluations": options.evaluations, "size": options.size}
        settings |= {"section": options.section, "weights": options.weights}
        commands[name] = [python, __file__, *(f"--{key}={value}" for key, value in settings.items())]
    with (options.folder / "peers.log").open("w") as log:
        results, failed = in_turns(commands, options.rounds, stderr=log)
    print_table(results, options)
    for name, error in (errors | failed).items():
        print(f"- {name} {version(CONTENDERS[name], options)}: {error}")


def print_table(results, options):
    """Print the measurements as a table in Markdown."""
    print(
        f"{options.evaluations} gradient evaluations a turn at {options.size} × {options.size}, {options.rounds} "
        f"rounds, PyTorch {importlib.metadata.version('torch')}, "
        f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}\n"
    )
    columns = ("", "version", "what it did", "ms an evaluation", "times ours, `float32`", "times ours, `auto`")
    print(f"| {' | '.join((*columns, 'peak GiB', 'does not have'))} |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | --- |")
    seconds = {name: [one["seconds"] for one in answers] for name, answers in results.items()}
    ours = [name for name in CONTENDERS if name.startswith("seisdream")]
    for name in results:
        contender = CONTENDERS[name]
        milliseconds = statistics.median(seconds[name]) / options.evaluations * 1e3
        ratios = [
            statistics.median(theirs / own for theirs, own in zip(seconds[name], seconds[one], strict=True))
            for one in ours
        ]
        peak = max(one["peak_gib"] for one in results[name])
        print(
            f"| {name} | {version(contender, options)} | {contender.recipe} | {milliseconds:.0f} | {ratios[0]:.2f} "
            f"| {ratios[1]:.2f} | {peak:.1f} | {contender.lacks} |"
        )
    print()


def main():
    """Measure and print, or work."""
    options = read_options()
    if options.worker:
        answer(lambda: CONTENDERS[options.worker].prepare(options))
    elif options.folder:
        compare(options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            options.folder = Path(folder)
            compare(options)


if __name__ == "__main__":
    main()
