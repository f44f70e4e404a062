"""What is measured and how: arrivals, truth, children, servers, plan, rows, report."""
