"""The method: networks, losses, training, inference, metrics and weights. Knows nothing of Mitsuba."""

from denoiser.inference.denoise import denoise_frame, denoise_pair
from denoiser.metrics import Scores, measure
from denoiser.model import Model, load_model, save_weights
from denoiser.networks.unet import UNet
from denoiser.training.config import TrainConfig
from denoiser.training.loop import TrainRecord
from denoiser.training.train import train

__all__ = [
    "Model",
    "Scores",
    "TrainConfig",
    "TrainRecord",
    "UNet",
    "denoise_frame",
    "denoise_pair",
    "load_model",
    "measure",
    "save_weights",
    "train",
]
