"""Colours that tell series and classes apart, in both themes, also for people without L or M cones.

`SERIES` are roles of the themes: the two accents and six more, each at least 3 : 1 against paper and panel, any two at
least 0.14 apart in OKLab and 0.09 as people without L or M cones see them (Machado, Oliveira and Fernandes, 2009).
`CLASSES` are twelve literal colours of middle lightness for many points, as far apart as the others and each far from
those before it.
"""

SERIES = ("accent", "accent2", "series3", "series4", "series5", "series6", "series7", "series8")
CLASSES = (
    "#5264f5", "#eeb200", "#00d1ff", "#a35800", "#75a679", "#9b72a2",
    "#00df84", "#ee7000", "#00805f", "#8799ff", "#e88dbe", "#9d31b7",
)  # fmt: skip
GREY = "#8a8791"
