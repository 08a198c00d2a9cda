"""The ops of the stand-in for ``mmcv._ext``, with the signatures of the compiled ones.

The wrappers in ``mmcv.ops`` hand over output tensors that the ops fill in place. Everything here
is PyTorch, torchvision or NumPy and runs where its tensors are, CPU or CUDA. PyTorch's 16-bit
types are computed in float32, because torchvision's CPU kernels know no other way.
"""
