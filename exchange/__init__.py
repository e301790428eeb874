"""What happens in the market? Instruments, prices, orders, streaming and the simulator;
nobody's portfolio.
"""
