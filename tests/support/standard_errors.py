"""Five standard errors, the tolerance of every sampling test."""

import math

import numpy as np

DEVIATIONS = 5.0


def variance_is(sample, variance, kurtosis=3.0):
    """Whether the sample's second moment is the variance within five standard errors.

    The relative standard error of N values of kurtosis κ is √((κ - 1)/N).
    """
    x = np.asarray(sample, dtype=np.float64).ravel()
    error = math.sqrt((kurtosis - 1) / x.size)
    return abs((x**2).mean() / variance - 1) < DEVIATIONS * error


def mean_is(sample, mean, deviation):
    x = np.asarray(sample, dtype=np.float64).ravel()
    return abs(x.mean() - mean) < DEVIATIONS * deviation / math.sqrt(x.size)
