// The canonical form of a schema: for each JSON type a union of shapes, closed under conjunction, union and complement.
//
// Everything in place (allOf, anyOf, oneOf, not, if, $ref) is worked out on forms; parts of arrays and objects stay
// goals (see document.hpp) until they are lowered, which is what keeps recursive schemas finite.  A conjunction of
// unions of arrays or objects that would multiply out too far keeps them as they are, in `also` of its shapes.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "arrays.hpp"
#include "numbers.hpp"
#include "objects.hpp"
#include "strings.hpp"

namespace tamis::schema {

// Bits of Form::booleans.
inline constexpr std::uint8_t kFalseBit = 1;
inline constexpr std::uint8_t kTrueBit = 2;

using NumberUnion = const std::vector<NumberShape>*;

// Unions are compared by address where that says that they are unrestricted.
template <typename Shape>
struct Unrestricted {
  static const std::vector<Shape>* none();
  static const std::vector<Shape>* any();
};

struct Form {
  bool null = false;
  std::uint8_t booleans = 0;
  NumberUnion numbers = Unrestricted<NumberShape>::none();
  StringUnion strings = Unrestricted<StringShape>::none();
  ArrayUnion arrays = Unrestricted<ArrayShape>::none();
  ObjectUnion objects = Unrestricted<ObjectShape>::none();

  static Form any();
  bool is_any() const;   // as far as the addresses say
  bool is_none() const;  // no shape at all
};

// Works with forms; owns the unions that they point to.
class Forms {
 public:
  explicit Forms(Oracle& oracle) : oracle_(oracle) {}

  // Values in both.  `tracked`: what was evaluated matters, so unions are always multiplied out.
  // Throws NotExpressible where that is too much.
  Form intersect(const Form& first, const Form& second, bool tracked);
  // Values in any of them.
  Form unite(const std::vector<Form>& forms, bool tracked);
  // Values not in it.
  Form complement(const Form& form);
  // Values in one of them and in no second (oneOf); whether two overlap is asked inside of `within` only.
  Form exactly_one(const std::vector<Form>& forms, const Form& within, bool tracked);
  // Whether no value is in it, as far as that can be shown.
  bool is_empty(const Form& form);

  NumberUnion keep(std::vector<NumberShape> shapes);
  StringUnion keep(std::vector<StringShape> shapes);
  ArrayUnion keep(std::vector<ArrayShape> shapes);
  ObjectUnion keep(std::vector<ObjectShape> shapes);

 private:
  template <typename Shape>
  using Union = const std::vector<Shape>*;

  std::optional<NumberShape> meet(const NumberShape& a, const NumberShape& b) { return NumberShape::meet(a, b); }
  std::optional<ArrayShape> meet(const ArrayShape& a, const ArrayShape& b) { return ArrayShape::meet(a, b, oracle_); }
  std::optional<ObjectShape> meet(const ObjectShape& a, const ObjectShape& b) {
    return ObjectShape::meet(a, b, oracle_);
  }
  std::vector<NumberShape> complement_of(const NumberShape& shape) { return shape.complement(); }
  std::vector<ArrayShape> complement_of(const ArrayShape& shape) { return shape.complement(oracle_); }
  std::vector<ObjectShape> complement_of(const ObjectShape& shape) { return shape.complement(oracle_); }
  bool empty(const NumberShape& shape) { return shape.is_empty(); }
  bool empty(const StringShape& shape) { return shape.is_empty(oracle_); }
  bool empty(const ArrayShape& shape) { return shape.is_empty(oracle_); }
  bool empty(const ObjectShape& shape) { return shape.is_empty(oracle_); }

  template <typename Shape>
  std::optional<std::vector<Shape>> multiplied(Union<Shape> first, Union<Shape> second);
  template <typename Shape>
  Union<Shape> product(Union<Shape> first, Union<Shape> second, bool tracked);
  template <typename Shape>
  Union<Shape> complements(Union<Shape> shapes);
  template <typename Shape>
  Union<Shape> sum(const std::vector<Union<Shape>>& unions);
  template <typename Shape>
  Union<Shape> one_of(const std::vector<Union<Shape>>& unions, Union<Shape> within, bool tracked);
  template <typename Shape>
  Union<Shape> without(Union<Shape> shapes, const std::vector<Union<Shape>>& others, bool tracked);
  StringUnion product(StringUnion first, StringUnion second);
  StringUnion complements(StringUnion shapes);
  StringUnion one_of_strings(const std::vector<StringUnion>& unions, StringUnion within);

  std::vector<const void*> factors_of(const void* first, const void* second) const;

  Oracle& oracle_;
  std::unordered_map<const void*, std::vector<const void*>> factors_;  // of unions that are products
  std::deque<std::vector<NumberShape>> numbers_;
  std::deque<std::vector<StringShape>> strings_;
  std::deque<std::vector<ArrayShape>> arrays_;
  std::deque<std::vector<ObjectShape>> objects_;
};

}  // namespace tamis::schema
