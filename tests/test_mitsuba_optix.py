"""OptiX's denoiser is refused in one sentence where there is no CUDA; on CUDA it has not run yet."""

import numpy as np
import pytest

from renderer_bridge import mitsuba_optix
from renderer_bridge.errors import N2NError
from renderer_bridge.frame import Frame


def test_without_cuda_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_optix, "cuda_runs", lambda: False)
    with pytest.raises(N2NError, match="no CUDA device with OptiX on this machine; oidn runs on any"):
        mitsuba_optix.optix_denoised(Frame(np.ones((4, 6, 3), np.float32)))
