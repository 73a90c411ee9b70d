"""Damping factors and tolerances that the compiled, the plain and the CUDA solver share."""

# Marquardt's λ at the start of each delta, its factor after an accepted step and after a rejected
# one.
DAMPING = 1e-3
FALL = 4.0
RISE = 10.0
STIFF = 1e14
# A delta is done when the objective falls by less than this share; the last one needs it twice.
FLAT = 1e-14
ROUGH = 1e-4
MOST = 300
# A fit has converged when an exact step is predicted to lower the objective by less than this
# share.
SETTLED = 1e-9


def solver_settings(trust_hessian: bool) -> tuple[float, ...]:
    """The settings as arguments of the compiled solver, whose cache does not see this file change.

    Args:
        trust_hessian: whether to trust the exact Hessian from the first step on.
    """
    return DAMPING, FALL, RISE, STIFF, FLAT, ROUGH, float(trust_hessian), float(MOST)
