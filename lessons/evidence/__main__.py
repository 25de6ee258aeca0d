"""What the lessons do not train while you wait: `python lessons/evidence` makes all of lessons/results again.

`python lessons/evidence views` makes one of them. Each takes a few minutes on one core.
"""
import sys

from capstone import capstone
from collapse import collapse
from deepcluster import clusters
from networks import RESULTS, network
from views import views
from zoo import zoo

EVIDENCE = {
    "warm": lambda: network("warm", epochs=3, neighbors=False),  # where lesson 12 begins
    "trained": lambda: network("trained"),  # and where it ends: eight epochs, neighbours in the second half
    "alone": lambda: network("alone", neighbors=False),  # lesson 12's control: neighbours off to the end
    "views": views,
    "collapse": collapse,
    "zoo": zoo,
    "deepcluster": clusters,
    "capstone": capstone,
}

if __name__ == "__main__":
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or EVIDENCE:
        EVIDENCE[name]()
