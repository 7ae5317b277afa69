"""What every area's routes share: refusals, body limits, pages and their headers."""
