//! What tests share: a mock Responses server, a temporary home, a stepped clock, snapshot filters.
