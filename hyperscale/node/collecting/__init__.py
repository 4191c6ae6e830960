"""From the ledger to the tables: seals, the outcome that counts of each row, results and figures."""
