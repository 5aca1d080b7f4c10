"""The method: networks, losses, training, inference, metrics and weights. Knows nothing of Mitsuba."""

from denoiser.infer import denoise_frame, denoise_pair
from denoiser.metrics import Scores, measure
from denoiser.model import Model, load_model, save_weights
from denoiser.train import TrainRecord, train
from denoiser.train_config import TrainConfig
from denoiser.unet import UNet

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
