"""Tables of cases that no database of PyTorch holds, one module a family."""
