"""What rewrites ask of a graph; nothing here changes one.

`matching`: is a variable computed by that operation, of which operands, of which numbers?
`values`: which values can its elements take? `binarization`: does it end in two values, and how?
`convolution`: what is padded, pooled or convolved? `linear_forms`: are two sizes the same?
"""
