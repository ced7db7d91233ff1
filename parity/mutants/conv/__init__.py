"""Mistakes in the convolutions of chapter 5 and appendix A."""
