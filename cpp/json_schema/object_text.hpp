// The text of objects: declared keys in their order (or in any), then the others.
#pragma once

#include "lower.hpp"

namespace tamis::schema {

// The node of the objects in `shape`, but for its `also`.
NodeId object_text(Lowering& lowering, const ObjectShape& shape, Order order);

}  // namespace tamis::schema
