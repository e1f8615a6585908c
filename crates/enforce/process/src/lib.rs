//! Where commands run: spawn, PTY, supervisor, kill ladder, output pumps; the Sandbox trait.
