"""The proving ground: populations and campaigns with ground truth, closed loop, in virtual time."""
