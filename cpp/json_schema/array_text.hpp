// The text of arrays.
#pragma once

#include "lower.hpp"

namespace tamis::schema {

// The node of the arrays in `shape`, but for its `also`.
NodeId array_text(Lowering& lowering, const ArrayShape& shape, Order order);

}  // namespace tamis::schema
