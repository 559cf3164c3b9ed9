//! Public functions that no program calls, and why.

const CONVERSION: &str = "a trait of arguments: what takes them is called";
const TREE: &str = "written by the derive macro, for the walks that are called";
const OPERATION: &str = "what an operation is written with: every operation that is called uses it";

const RULE: &str = "what an optimizer is written with: every optimizer that is called uses it";

/// Names, with a space between, and the reason.
pub const LEFT_OUT: &[(&str, &str)] = &[
    (
        "Dims::into_dims IntoIndex::into_index IntoShape::into_shape IntoSizes::into_sizes Start::into_start \
         IntoSize::into_size IntoOperand::into_operand IntoModule::into_module",
        CONVERSION,
    ),
    (
        "Position::find Seed::into_bits PythonRepr::python_repr",
        CONVERSION,
    ),
    (
        "Element::cast Element::from_f64 Element::from_i64 Element::to_f64 Element::to_i64",
        CONVERSION,
    ),
    (
        "Bound::into_bound SplitLengths::lengths Target::change_values",
        CONVERSION,
    ),
    (
        "CollateFn::collate",
        "what a loader calls, with a function or without: both are called",
    ),
    (
        "AnyOperation::as_any AnyOperation::attributes AnyOperation::is_view AnyOperation::name",
        OPERATION,
    ),
    (
        "Operation::attributes Operation::grad_name Call::given Own::wanted",
        OPERATION,
    ),
    (
        "Saved::by_parts Saved::dtype Saved::grad Saved::input Saved::inputs Saved::needs",
        OPERATION,
    ),
    (
        "Saved::optional Saved::output Saved::own_constant Saved::recording Saved::shape",
        OPERATION,
    ),
    ("Saves::input Saves::output_if", OPERATION),
    (
        "OptimizerState::of OptimizerState::parameters OptionValue::loaded OptionValue::saved",
        RULE,
    ),
    (
        "Rule::check Rule::state Rule::step RuleOptions::list RuleOptions::lr RuleOptions::set not_negative",
        RULE,
    ),
    (
        "AnyOperation::multiply_adds Operation::multiply_adds",
        OPERATION,
    ),
    (
        "Arguments::tensors Arguments::with_tensors Output::returned Output::set_returned",
        "what a call passes to hooks: calls with hooks are called",
    ),
    (
        "Forward::forward_then Forward::activation Addend::tensor",
        "what Chain and Sequential ask modules for; both are called",
    ),
    (
        "HookList::add HookList::copy HookList::current HookList::is_empty",
        "lists that what registers hooks keeps, which is called",
    ),
    (
        "ModuleScope::enter ModuleScope::returns",
        "what a module's call does while it is traced, which is called",
    ),
    (
        "Duplication::alias Duplication::copy Field::duplicate Field::list_name",
        TREE,
    ),
    (
        "Field::visit_field Field::visit_field_mut Module::refused_entries",
        TREE,
    ),
    ("Field::visit_item Field::visit_item_mut", TREE),
    (
        "Computed::as_any Computed::assign Computed::is_live Computed::requires_grad Computed::tensor",
        "what parametrizations and prunings put into a parameter's place: both are called",
    ),
    (
        "LiteralValues::finish",
        "what tensor! expands to: rows of literals, checked by their author",
    ),
    (
        "Tensor::from_buffer Tensor::try_from_buffer",
        "it takes a kernel's buffer, whose length must be the shape's",
    ),
    (
        "set_print_options",
        "it changes the whole process; with_print_options is called",
    ),
];
