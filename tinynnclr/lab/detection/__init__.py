"""Where are the things? Heads on an encoder's feature map find boxes, masks and key points in
scenes of toys.
"""
