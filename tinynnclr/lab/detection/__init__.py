"""Object detection on drawn scenes: heads on a feature map find boxes, masks and key points."""
