"""Running networks on seismic: tensors, tiling, activations, predictions."""
