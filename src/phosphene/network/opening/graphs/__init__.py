"""Networks that are files with a graph: ONNX, and programs that torch.export wrote."""
