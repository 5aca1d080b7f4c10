"""n2n-export as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from apps.export import main
from denoiser.model import Description, save_weights
from denoiser.networks.oidn_shape import OIDNShape
from denoiser.networks.unet import UNet


def test_an_archive_for_open_image_denoise_lies_beside_the_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    save_weights(tmp_path / "w.safetensors", OIDNShape(), Description("oidn-shape"))
    assert main([str(tmp_path / "w.safetensors"), "--to", "oidn"]) == 0
    assert (tmp_path / "w.tza").read_bytes()[:4] == b"\xd7\x41\x02\x00"
    assert main([str(tmp_path / "w.safetensors"), "--to", "oidn", "-o", str(tmp_path / "other.tza")]) == 0
    assert (tmp_path / "other.tza").read_bytes() == (tmp_path / "w.tza").read_bytes()
    assert "w.tza: " in capsys.readouterr().err


def test_what_cannot_be_exported_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(tmp_path / "w.safetensors", UNet(9), Description())
    assert main([str(tmp_path / "w.safetensors"), "--to", "oidn"]) == 1
    assert "--network oidn-shape" in capsys.readouterr().err
    assert not (tmp_path / "w.tza").exists()
    assert main([str(tmp_path / "absent.safetensors"), "--to", "onnx"]) == 1
    assert "is not a file" in capsys.readouterr().err
