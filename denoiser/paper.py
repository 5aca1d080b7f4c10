"""The numbers of Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018."""

from __future__ import annotations

# Section 3.3, Monte Carlo rendering.
TONE_MAP_GAMMA = 2.2  # T(v) = (v / (1 + v))^(1 / gamma), applied to the network's input only
LOSS_EPSILON = 0.01  # L_HDR = (f(x) - y)^2 / (f(x) + epsilon)^2

# Supplement, table 2: the U-Net.
ENCODER_CHANNELS = 48
DECODER_CHANNELS = 96
HEAD_CHANNELS = (64, 32)
POOLINGS = 5
LEAKY_SLOPE = 0.1
PARAMETERS_AT_9_INPUTS = 997_251

# Supplement, section A: training.
ADAM_BETAS = (0.9, 0.99)
ADAM_EPSILON = 1e-8
LEARNING_RATE = 3e-4  # for Monte Carlo denoising
MINIBATCH = 4

# Section 3.3: offline experiment, PSNR on tone-mapped images.
OFFLINE_SPP = 64
OFFLINE_INPUT_PSNR_DB = 22.31
OFFLINE_CLEAN_TARGETS_PSNR_DB = 31.83
