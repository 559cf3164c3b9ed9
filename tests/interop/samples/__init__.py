"""Cases of PyTorch's own test databases, as text and tensors."""
