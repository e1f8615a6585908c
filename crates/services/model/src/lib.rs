//! Model providers behind one trait: Responses over SSE, and the scripted model.
