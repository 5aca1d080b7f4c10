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

# Section 3.2: the annealed L0 loss, (|f(x) - y| + epsilon)^gamma, gamma falling linearly to 0 over training.
L0_EPSILON = 1e-8
L0_FIRST_GAMMA = 2.0

# Sections 3.1, 3.2, 3.4: corruptions of photographs, values in [0, 1], and the published PSNR in dB.
GAUSSIAN_LARGEST_SIGMA, GAUSSIAN_TEST_SIGMA = 50 / 255, 25 / 255
GAUSSIAN_NOISY_DB, GAUSSIAN_CLEAN_DB, GAUSSIAN_BM3D_DB = 31.61, 31.63, 30.89  # mean of Kodak, BSD300 and Set14
POISSON_LARGEST_PEAK, POISSON_TEST_PEAK = 50.0, 30.0
POISSON_SMALLEST_PEAK = 1e-3  # of the authors' code; the paper says 0
POISSON_NOISY_DB, POISSON_CLEAN_DB = 30.57, 30.59
REPLACED_LARGEST_SHARE, BERNOULLI_TEST_SHARE = 0.95, 0.5
BERNOULLI_NOISY_DB, BERNOULLI_CLEAN_DB = 32.02, 31.85
TEXT_LARGEST_COVERAGE, TEXT_TEST_COVERAGE = 0.5, 0.25
MRI_KEPT_SHARE = 0.1
MRI_INPUT_DB, MRI_NOISY_DB, MRI_CLEAN_DB = 20.03, 31.74, 31.77

# "Zero-Shot Noise2Noise" (Mansour and Heckel 2023) and variants of its sampler published later: PSNR in dB on one
# sample image under Gaussian noise of that sigma (of 255), in the order of `samplers.SAMPLER_NAMES`.
ZERO_SHOT_PSNR_DB = {
    25: (31.28, 27.5, 27.83, 29.86, 29.18, 23.58, 29.19, 22.98),
    50: (26.66, 21.07, 22.32, 25.07, 25.90, 19.68, 25.10, 17.44),
    100: (20.65, 16.52, 16.94, 20.08, 20.52, 14.51, 19.97, 12.53),
}
