//! Request processors and subscriptions in front of the engine.
