"""The parts of compare_operations.py."""
