"""Networks: the paper's U-Net, and what was found better; `denoiser/model.py` has the table of their names."""
