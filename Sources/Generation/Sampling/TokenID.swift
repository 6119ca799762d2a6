/// The number of a token: its row in the model's embedding.
public typealias TokenID = Int32
