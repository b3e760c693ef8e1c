"""Real workloads, timed on this machine and predicted from its profile: how far is the prediction off?

Each file holds workloads of one kind: `cases()` yields what is timed (random data of the right shape, nothing is
downloaded) together with what it is made of, an operator program as the product sees it.
"""
