"""Small networks of the kinds that people build, with what each must answer."""

import dataclasses
import warnings
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

N_CLASSES = 3
N = 4
NETWORKS = {}


def network(makes="map", *, dims=2, tolerance=2e-6):
    """Register a factory: it makes a "map", a "vector" of classes, or is refused with a code."""

    def register(factory):
        NETWORKS[factory.__name__] = (factory, makes, dims, tolerance)
        return factory

    return register


class Net(nn.Module):
    """A body, and a forward that a factory gives."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.run = forward

    def forward(self, values):
        return self.run(self, values)


def conv(n_in, n_out, size=3, **options):
    return nn.Conv2d(n_in, n_out, size, padding=options.pop("padding", size // 2), **options)


def stack(*middle, head=None):
    """A first convolution, what is between, and a head of three classes."""
    head = head or conv(N, N_CLASSES, 1)
    return nn.Sequential(OrderedDict(first=conv(1, N), relu=nn.ReLU(), middle=nn.Sequential(*middle), head=head))


def up(values, like=None, factor=2):
    if like is not None:
        return F.interpolate(values, size=like.shape[-2:], mode="bilinear", align_corners=False)
    return F.interpolate(values, scale_factor=factor, mode="nearest")


@network()
def plain():
    return stack(conv(N, N), nn.ReLU())


@network()
def dilated():
    return stack(conv(N, N, dilation=2, padding=2), nn.ReLU(), conv(N, N, dilation=4, padding=4))


@network()
def reflection_padding():
    return stack(nn.ReflectionPad2d(1), nn.Conv2d(N, N, 3), nn.ReLU(), conv(N, N, padding_mode="replicate"))


@network()
def unet():
    def forward(net, values):
        fine = torch.relu(net.enc(values))
        coarse = torch.relu(net.down(F.max_pool2d(fine, 2)))
        return net.head(torch.cat([fine, up(coarse)], 1))

    return Net(forward, enc=conv(1, N), down=conv(N, 2 * N), head=conv(3 * N, N_CLASSES, 1))


@network()
def unet_of_any_size():
    def forward(net, values):
        fine = torch.relu(net.enc(values))
        coarse = torch.relu(net.down(F.max_pool2d(fine, 2, ceil_mode=True)))
        return net.head(torch.cat([fine, up(coarse, fine)], 1))

    return Net(forward, enc=conv(1, N), down=conv(N, 2 * N), head=conv(3 * N, N_CLASSES, 1))


@network()
def feature_pyramid():
    def forward(net, values):
        fine = torch.relu(net.c1(values))
        middle = torch.relu(net.c2(fine))
        coarse = torch.relu(net.c3(middle))
        top = net.lateral2(middle) + up(coarse)
        return up(net.head(top + 0), values)

    return Net(
        forward,
        c1=conv(1, N),
        c2=conv(N, N, stride=2),
        c3=conv(N, N, stride=2),
        lateral2=conv(N, N, 1),
        head=conv(N, N_CLASSES, 1),
    )


@network()
def padded_inside():
    """It is cut back where its input is no multiple of 8."""

    def forward(net, values):
        rows, columns = values.shape[2:]
        return net.net(F.pad(values, (0, -columns % 8, 0, -rows % 8), mode="reflect"))[:, :, :rows, :columns]

    layers = [conv(1, N, stride=2), nn.ReLU(), conv(N, N, stride=2), nn.Upsample(scale_factor=4), conv(N, N_CLASSES, 1)]
    return Net(forward, net=nn.Sequential(*layers))


@network()
def deconvolution():
    return stack(conv(N, N, stride=2), nn.ReLU(), nn.ConvTranspose2d(N, N, 2, stride=2), nn.ReLU())


@network()
def output_padding():
    return stack(conv(N, N, stride=2), nn.ReLU(), nn.ConvTranspose2d(N, N, 3, stride=2, padding=1, output_padding=1))


@network()
def pooling_aspp():
    def forward(net, values):
        first = torch.relu(net.first(values))
        rates = [net.one(first), net.two(first)]
        whole = net.whole(first.mean((2, 3), keepdim=True)).expand_as(rates[0])
        return net.head(torch.relu(torch.cat([*rates, whole], 1)))

    parts = {"first": conv(1, N), "one": conv(N, N, 1), "two": conv(N, N, dilation=3, padding=3)}
    return Net(forward, **parts, whole=conv(N, N, 1), head=conv(3 * N, N_CLASSES, 1))


@network()
def squeeze_and_excitation():
    def forward(net, values):
        first = torch.relu(net.first(values))
        return net.head(first * torch.sigmoid(net.gate(F.adaptive_avg_pool2d(first, 1))))

    return Net(forward, first=conv(1, N), gate=conv(N, N, 1), head=conv(N, N_CLASSES, 1))


@network()
def group_norm():
    return stack(nn.GroupNorm(2, N), nn.SiLU())


@network()
def instance_norm():
    return stack(nn.InstanceNorm2d(N, affine=True), nn.LeakyReLU(0.1))


@network()
def instance_norm_with_running_statistics():
    return stack(nn.InstanceNorm2d(N, track_running_stats=True), nn.ELU())


@network()
def batch_norm():
    norm = nn.BatchNorm2d(N)
    norm.running_mean.uniform_(-0.2, 0.2)
    norm.running_var.uniform_(0.5, 2.0)
    return stack(norm, nn.GELU())


class ChannelNorm(nn.LayerNorm):
    def forward(self, values):
        return super().forward(values.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@network()
def layer_norm():
    return stack(ChannelNorm(N), nn.Hardswish())


@network()
def convnext():
    def forward(net, values):
        first = net.stem(values)
        block = net.depthwise(first).permute(0, 2, 3, 1)
        block = net.second(F.gelu(net.expand(net.norm(block)))).permute(0, 3, 1, 2)
        return up(net.head(first + net.scale.weight[:, :, None, None].mean() * block), factor=2)

    return Net(
        forward,
        stem=nn.Conv2d(1, N, 2, stride=2),
        depthwise=conv(N, N, 5, groups=N),
        norm=nn.LayerNorm(N),
        expand=nn.Linear(N, 2 * N),
        second=nn.Linear(2 * N, N),
        scale=nn.Linear(N, N),
        head=conv(N, N_CLASSES, 1),
    )


@network()
def deep_supervision():
    def forward(net, values):
        first = torch.relu(net.first(values))
        return net.head(first), net.auxiliary(F.avg_pool2d(first, 2))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1), auxiliary=conv(N, N_CLASSES, 1))


@network()
def dictionary():
    def forward(net, values):
        first = torch.relu(net.first(values))
        return OrderedDict(out=net.head(first), aux=net.auxiliary(first))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1), auxiliary=conv(N, N_CLASSES, 1))


@dataclasses.dataclass
class Output:
    features: torch.Tensor
    logits: torch.Tensor


@network()
def data_class():
    def forward(net, values):
        first = torch.relu(net.first(values))
        return Output(first, net.head(first))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def softmax_head():
    return nn.Sequential(stack(conv(N, N)), nn.Softmax(1))


@network()
def log_softmax_head():
    return nn.Sequential(stack(conv(N, N)), nn.LogSoftmax(1))


@network()
def sigmoid_head():
    return nn.Sequential(stack(conv(N, N)), nn.Sigmoid())


@network()
def one_output():
    return stack(head=conv(N, 1, 1))


@network("vector")
def class_vector():
    def forward(net, values):
        return net.head(F.adaptive_avg_pool2d(torch.relu(net.first(values)), 1).flatten(1))

    return Net(forward, first=conv(1, N), head=nn.Linear(N, N_CLASSES))


@network()
def functional_code():
    def forward(net, values):
        first = F.leaky_relu(F.conv2d(values, net.first.weight, net.first.bias, padding=1), 0.2)
        return F.conv2d(F.avg_pool2d(first, 3, 1, 1), net.head.weight, net.head.bias)

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def views():
    def forward(net, values):
        first = torch.relu(net.first(values))
        flat = net.mix(first.flatten(2).transpose(1, 2))
        return flat.transpose(1, 2).reshape(len(values), N_CLASSES, *values.shape[2:])

    return Net(forward, first=conv(1, N), mix=nn.Linear(N, N_CLASSES))


@network()
def standardised():
    def forward(net, values):
        return net.head(torch.relu(net.first((values - values.mean()) / (values.std() + 1e-3))))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def hooked():
    net = stack(conv(N, N))
    net.middle.register_forward_hook(lambda _module, _inputs, output: 2 * output)
    net.head.register_forward_pre_hook(lambda _module, inputs: (inputs[0] + 0.1,))
    return net


@network()
def complex_weights():
    def forward(net, values):
        spectrum = torch.fft.fft2(torch.relu(net.first(values)))
        return net.head(torch.fft.ifft2(spectrum * net.filter[:, None, None]).real)

    net = Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))
    net.filter = nn.Parameter(torch.randn(N, dtype=torch.complex64))
    return net


@network()
def checkpointed():
    def forward(net, values):
        return net.head(checkpoint(lambda one: torch.relu(net.first(one)), values, use_reentrant=False))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def weight_normalised():
    return stack(parametrizations.weight_norm(conv(N, N)), nn.ReLU())


@network()
def spectrally_normalised():
    return stack(parametrizations.spectral_norm(conv(N, N)), nn.ReLU())


class Symmetric(nn.Module):
    def forward(self, weight):
        return 0.5 * (weight + weight.flip(-1))


@network()
def parametrised():
    layer = conv(N, N)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    return stack(layer, nn.ReLU())


@network()
def lazy():
    net = stack(nn.LazyConv2d(N, 3, padding=1), nn.ReLU())
    net(torch.zeros(1, 1, 32, 48))
    return net


@network("network-failed")
def lazy_without_weights():
    return stack(nn.LazyConv2d(N, 3, padding=1), nn.ReLU())


@network()
def odd_strides():
    def forward(net, values):
        return up(net.head(torch.relu(net.coarse(torch.relu(net.first(values))))), values)

    return Net(forward, first=conv(1, N), coarse=conv(N, N, 5, stride=3, padding=2), head=conv(N, N_CLASSES, 1))


@network()
def pixel_shuffle():
    return stack(conv(N, N, stride=2), nn.ReLU(), conv(N, 4 * N, 1), nn.PixelShuffle(2))


@network()
def unpooled():
    def forward(net, values):
        pooled, indices = F.max_pool2d(torch.relu(net.first(values)), 2, return_indices=True)
        return net.head(F.max_unpool2d(net.second(pooled), indices, 2))

    return Net(forward, first=conv(1, N), second=conv(N, N), head=conv(N, N_CLASSES, 1))


@network()
def transformer_of_one_size():
    def forward(net, values):
        assert values.shape[2:] == (32, 32), "this network takes 32 × 32 samples"
        tokens = net.patches(values).flatten(2).transpose(1, 2)
        tokens = torch.cat([net.token.expand(len(values), -1, -1), tokens], 1) + net.position
        tokens = net.encoder(tokens)[:, 1:]
        coarse = net.head(tokens).transpose(1, 2).reshape(len(values), N_CLASSES, 4, 4)
        return up(coarse, values)

    net = Net(
        forward,
        patches=nn.Conv2d(1, 8, 8, stride=8),
        encoder=nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True),
        head=nn.Linear(8, N_CLASSES),
    )
    net.token = nn.Parameter(torch.zeros(1, 1, 8))
    net.position = nn.Parameter(0.1 * torch.randn(1, 17, 8))
    return net


@network()
def windowed_attention():
    def forward(net, values):
        first = net.first(values)
        n_rows, n_columns = first.shape[2] // 4, first.shape[3] // 4
        windows = first.reshape(len(first), 8, n_rows, 4, n_columns, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, 8)
        windows = windows + net.attention(windows, windows, windows, need_weights=False)[0]
        back = windows.reshape(len(first), n_rows, n_columns, 4, 4, 8).permute(0, 5, 1, 3, 2, 4)
        return net.head(back.reshape(first.shape))

    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    return Net(forward, first=conv(1, 8), attention=attention, head=conv(8, N_CLASSES, 1))


@network()
def sum_of_heads():
    """The biases are positive, so that the logits could be taken for probabilities."""

    def forward(net, values):
        fine = torch.relu(net.fine(values))
        coarse = torch.relu(net.coarse(F.max_pool2d(fine, 2)))
        return net.head(fine) + up(net.coarse_head(coarse), fine)

    heads = {name: conv(N, N_CLASSES, 1) for name in ("head", "coarse_head")}
    for head in heads.values():
        nn.init.uniform_(head.weight, -0.02, 0.02)
        nn.init.constant_(head.bias, 0.25)
    return Net(forward, fine=conv(1, N), coarse=conv(N, N), **heads)


@network()
def recurrent_along_traces():
    def forward(net, values):
        first = torch.relu(net.first(values))
        batch, width, rows, columns = first.shape
        traces, _ = net.lstm(first.permute(0, 3, 2, 1).reshape(batch * columns, rows, width))
        return net.head(traces).reshape(batch, columns, rows, N_CLASSES).permute(0, 3, 2, 1)

    return Net(forward, first=conv(1, N), lstm=nn.LSTM(N, N, batch_first=True), head=nn.Linear(N, N_CLASSES))


@network()
def trace_by_trace():
    def forward(net, values):
        batch, n_channels, rows, columns = values.shape
        traces = torch.relu(net.first(values.permute(0, 3, 1, 2).reshape(batch * columns, n_channels, rows)))
        return net.head(traces).reshape(batch, columns, N_CLASSES, rows).permute(0, 2, 3, 1)

    return Net(forward, first=nn.Conv1d(1, N, 5, padding=2), head=nn.Conv1d(N, N_CLASSES, 1))


@network()
def padded_to_its_skip():
    def forward(net, values):
        fine = torch.relu(net.enc(values))
        coarse = up(torch.relu(net.down(F.max_pool2d(fine, 2))))
        missing = [a - b for a, b in zip(fine.shape[2:], coarse.shape[2:], strict=True)]
        coarse = F.pad(coarse, [missing[1] // 2, -(-missing[1] // 2), missing[0] // 2, -(-missing[0] // 2)])
        return net.head(torch.cat([fine, coarse], 1))

    return Net(forward, enc=conv(1, N), down=conv(N, N), head=conv(2 * N, N_CLASSES, 1))


@network()
def averaged_over_flips():
    def forward(net, values):
        return (net.net(values) + net.net(values.flip(-1)).flip(-1)) / 2

    return Net(forward, net=stack(conv(N, N)))


@network()
def batch_statistics():
    return stack(nn.BatchNorm2d(N, track_running_stats=False), nn.ReLU())


@network()
def one_image_at_a_time():
    def forward(net, values):
        return net.head(torch.relu(net.first(values)).view(1, N, *values.shape[2:]))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def changes_its_input():
    def forward(net, values):
        values -= values.mean((1, 2, 3), keepdim=True)
        return net.net(values)

    return Net(forward, net=stack(conv(N, N)))


@network()
def changes_in_place():
    def forward(net, values):
        first = F.relu_(net.first(values))
        second = net.second(first)
        second += first
        logits = net.head(second.relu_())
        logits *= 2
        return logits

    return Net(forward, first=conv(1, N), second=conv(N, N), head=conv(N, N_CLASSES, 1))


@network()
def keeps_means():
    def forward(net, values):
        net.mean = 0.9 * net.mean + 0.1 * values.mean()
        return net.net(values - net.mean)

    net = Net(forward, net=stack())
    net.register_buffer("mean", torch.zeros(()))
    return net


@network()
def mean_of_softmaxes():
    def forward(net, values):
        return torch.stack([part(values).softmax(1) for part in (net.one, net.two)]).mean(0)

    return Net(forward, one=stack(), two=stack())


@network()
def temperature():
    return Net(lambda net, values: (net.net(values) / 3).softmax(1), net=stack())


@network()
def coordinates():
    def forward(net, values):
        batch, _, rows, columns = values.shape
        down = torch.linspace(-1, 1, rows).view(1, 1, -1, 1).expand(batch, 1, rows, columns)
        across = torch.linspace(-1, 1, columns).expand(batch, 1, rows, columns)
        return net.head(torch.relu(net.first(torch.cat([values, down, across], 1))))

    return Net(forward, first=conv(3, N), head=conv(N, N_CLASSES, 1))


@network()
def patches_as_channels():
    def forward(net, values):
        batch, _, rows, columns = values.shape
        patches = values.view(batch, 1, rows // 2, 2, columns // 2, 2).permute(0, 1, 3, 5, 2, 4)
        classes = net.head(torch.relu(net.first(patches.reshape(batch, 4, rows // 2, columns // 2))))
        classes = classes.view(batch, N_CLASSES, 2, 2, rows // 2, columns // 2).permute(0, 1, 4, 2, 5, 3)
        return classes.reshape(batch, N_CLASSES, rows, columns)

    return Net(forward, first=conv(4, N), head=conv(N, 4 * N_CLASSES, 1))


@network()
def attention_along_axes():
    def forward(net, values):
        first = net.first(values)
        batch, width, rows, columns = first.shape
        along = first.permute(0, 2, 3, 1).reshape(batch * rows, columns, width)
        along = (along + net.across(along, along, along, need_weights=False)[0]).view(batch, rows, columns, width)
        along = along.transpose(1, 2).reshape(batch * columns, rows, width)
        along = along + net.down(along, along, along, need_weights=False)[0]
        return net.head(along.view(batch, columns, rows, width).permute(0, 3, 2, 1))

    attention = {name: nn.MultiheadAttention(8, 2, batch_first=True) for name in ("across", "down")}
    return Net(forward, first=conv(1, 8), **attention, head=conv(8, N_CLASSES, 1))


@network()
def attention_of_neighbours():
    def forward(net, values):
        first = net.first(values)
        around = F.unfold(first, 3, padding=1).view(len(first), N, 9, *first.shape[2:])
        weights = (first[:, :, None] * around).sum(1, keepdim=True).softmax(2)
        return net.head((weights * around).sum(2))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def image_pyramid():
    def forward(net, values):
        fine = net.body(values)
        return net.head(torch.cat([fine, up(net.body(F.avg_pool2d(values, 2)), fine)], 1))

    return Net(forward, body=nn.Sequential(conv(1, N), nn.ReLU()), head=conv(2 * N, N_CLASSES, 1))


@network()
def refined_three_times():
    def forward(net, values):
        logits = torch.zeros(len(values), N_CLASSES, *values.shape[2:])
        for _ in range(3):
            logits = logits + net.step(torch.cat([values, logits.softmax(1)], 1))
        return logits

    return Net(forward, step=nn.Sequential(conv(1 + N_CLASSES, N), nn.ReLU(), conv(N, N_CLASSES)))


@network()
def one_head_for_two_scales():
    def forward(net, values):
        first = torch.relu(net.first(values))
        return net.head(first), net.head(F.max_pool2d(first, 2))

    return Net(forward, first=conv(1, N), head=conv(N, N_CLASSES, 1))


@network()
def warped():
    def forward(net, values):
        angles = 0.01 * net.locate(F.adaptive_avg_pool2d(values, 4).flatten(1)).view(-1, 2, 3)
        grid = F.affine_grid(angles + torch.eye(2, 3), list(values.shape), align_corners=False)
        return net.net(F.grid_sample(values, grid, align_corners=False))

    return Net(forward, locate=nn.Linear(16, 6), net=stack())


@network()
def aligned_corners():
    def forward(net, values):
        coarse = net.head(torch.relu(net.first(values)))
        return F.interpolate(coarse, size=values.shape[2:], mode="bilinear", align_corners=True)

    return Net(forward, first=conv(1, N, stride=2), head=conv(N, N_CLASSES, 1))


@network()
def double_inside():
    return Net(lambda net, values: net.net(values.double()), net=stack(conv(N, N)).double())


@network(tolerance=2e-2)
def automatic_precision():
    def forward(net, values):
        with torch.autocast("cpu", torch.bfloat16):
            return net.net(values)

    return Net(forward, net=stack(conv(N, N)))


@network()
def graph_of_functions():
    return torch.fx.symbolic_trace(stack(conv(N, N)))


@network()
def positions_of_one_size():
    """It does not check its size; a position is added to every patch."""

    def forward(net, values):
        rows, columns = (side // 8 for side in values.shape[2:])
        tokens = net.encoder(net.patches(values).flatten(2).transpose(1, 2) + net.position)
        return up(net.head(tokens).transpose(1, 2).reshape(len(values), N_CLASSES, rows, columns), values)

    net = Net(
        forward,
        patches=nn.Conv2d(1, 8, 8, stride=8),
        encoder=nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
        head=nn.Linear(8, N_CLASSES),
    )
    net.position = nn.Parameter(0.1 * torch.randn(1, 16, 8))
    return net


@network("no-labels")
def quantised():
    def forward(net, values):
        return net.head(torch.relu(net.first(values)).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    net = Net(forward, first=conv(1, N), head=nn.Linear(N, N_CLASSES)).eval()
    with warnings.catch_warnings(action="ignore"):
        return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)


@network("network-failed")
def without_gradients():
    def forward(net, values):
        with torch.no_grad():
            return net.net(values)

    return Net(forward, net=stack())


@network()
def scripted():
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return torch.jit.script(nn.Sequential(conv(1, N), nn.ReLU(), conv(N, N_CLASSES, 1)).eval())


@network()
def traced():
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return torch.jit.trace(stack(conv(N, N)).eval(), torch.zeros(1, 1, 32, 48))


@network(tolerance=2e-2)
def half_precision():
    return stack(conv(N, N)).half()


@network(dims=3)
def cube():
    return nn.Sequential(nn.Conv3d(1, N, 3, padding=1), nn.ReLU(), nn.Conv3d(N, N_CLASSES, 1))


@network(dims=3)
def cube_unet():
    def forward(net, values):
        fine = torch.relu(net.enc(values))
        coarse = torch.relu(net.down(F.max_pool3d(fine, 2)))
        return net.head(torch.cat([fine, F.interpolate(coarse, scale_factor=2.0)], 1))

    return Net(
        forward,
        enc=nn.Conv3d(1, N, 3, padding=1),
        down=nn.Conv3d(N, N, 3, padding=1),
        head=nn.Conv3d(2 * N, N_CLASSES, 1),
    )
