//! `functions!`: the enum of the table's rows, and their loops.

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $({ $($p:ident = $default:expr),* })?,
       $loops:ident $((|$of:ident, $c:ident| $plain:expr))?,
       |$x:ident, $M:ident| $value:expr, $saves:ident |$s:ident, $g:ident| $gradient:expr,
       twice $second:expr;)*) => {
        /// A function of one element, with its parameters.
        #[derive(Copy, Clone, Debug, PartialEq)]
        #[allow(missing_docs)] // the parameters stand in the docs of their functions
        pub enum Function {$(
            $(#[$doc])*
            $name $({ $($p: f64),* })?,
        )*}

        impl Function {
            /// All of them, with PyTorch's defaults.
            #[cfg(test)]
            pub(super) const ALL: &[Function] = &[$(Function::$name $({ $($p: $default),* })?),*];

            /// What the gradient is computed from.
            pub fn gradient_from(self) -> GradientFrom {
                match self {
                    $(Function::$name { .. } => GradientFrom::$saves,)*
                }
            }

            /// Names and values of the parameters.
            pub fn parameters(self) -> Vec<(&'static str, f64)> {
                match self {
                    $(Function::$name $({ $($p),* })? => vec![$($((stringify!($p), $p)),*)?],)*
                }
            }
        }

        $(
            #[derive(Copy, Clone)]
            struct $name<T> { of: PhantomData<T>, $($($p: T),*)? }

            impl<T: Float> Definition<T> for $name<T> {
                const LOOPS: Loops = Loops::$loops;
                $(
                    #[inline(always)]
                    #[allow(unused_variables)]
                    fn is_plain(&self, $c: T) -> bool {
                        let $of = self;
                        $plain
                    }
                )?
                #[inline(always)]
                fn value<$M: MulAdd>(&self, $x: T) -> T {
                    $($(let $p = self.$p;)*)?
                    $value
                }
                #[inline(always)]
                #[allow(unused_variables)]
                fn gradient<$M: MulAdd>(&self, $s: T, $g: T) -> T {
                    $($(let $p = self.$p;)*)?
                    $gradient
                }
                #[inline(always)]
                #[allow(unused_variables)]
                fn second<$M: MulAdd>(&self, $s: T, $g: T) -> T {
                    $($(let $p = self.$p;)*)?
                    $second
                }
            }
        )*

        pub(super) fn values<T: Float>(function: Function, isa: Isa, x: &[T], out: &mut [T]) {
            match function {
                $(Function::$name $({ $($p),* })? => {
                    let d = $name { of: PhantomData::<T>, $($($p: T::from_f64($p)),*)? };
                    run::<T, $name<T>, _>(isa, Values(x, out, d));
                })*
            }
        }

        pub(super) fn gradients<T: Float>(
            function: Function,
            isa: Isa,
            saved: &[T],
            grad: &[T],
            out: &mut [T],
        ) {
            match function {
                $(Function::$name $({ $($p),* })? => {
                    let d = $name { of: PhantomData::<T>, $($($p: T::from_f64($p)),*)? };
                    run::<T, $name<T>, _>(isa, Gradients(saved, grad, out, d));
                })*
            }
        }

        /// Not for each instruction set: second derivatives are rare.
        pub(super) fn seconds<T: Float>(
            function: Function,
            _: Isa,
            saved: &[T],
            grad: &[T],
            out: &mut [T],
        ) {
            let all = out.iter_mut().zip(saved).zip(grad);
            match function {
                $(Function::$name $({ $($p),* })? => {
                    let d = $name { of: PhantomData::<T>, $($($p: T::from_f64($p)),*)? };
                    all.for_each(|((out, s), g)| *out = d.second::<Far<Apart>>(*s, *g));
                })*
            }
        }
    };
}
pub(super) use functions;
