"""Azure Resource Manager as a node asks it: the workspace, its computes, the jobs of a run."""
