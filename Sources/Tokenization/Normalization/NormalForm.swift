/// A Unicode normal form that a vocabulary was trained on.
enum NormalForm: Sendable, Equatable {
  case nfc
  case nfkc
}
