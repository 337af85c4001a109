using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>
/// Runs an operator on a device and holds its result and every gradient against a double-precision reference; on devices
/// that have bfloat16 once more with everything stored in it.
/// </summary>
/// <remarks>
/// The gradient of the reference is taken by central differences of Σ dy·f, or by the reference's own adjoint
/// (<paramref name="adjoint"/>), which <see cref="Gradient.ShouldMatch"/> holds against central differences on tiny shapes.
/// </remarks>
internal static class OperatorTest
{
    /// <param name="kind">The device.</param>
    /// <param name="inputs">The values and shapes of every differentiable input.</param>
    /// <param name="operation">The operator.</param>
    /// <param name="reference">The same function in double precision.</param>
    /// <param name="relative">Tolerance relative to the expected value.</param>
    /// <param name="absolute">Absolute tolerance.</param>
    /// <param name="adjoint">Given the inputs and dy, the gradients; null for central differences.</param>
    public static void Run(
        TestDevice kind,
        (double[] Values, Shape Shape)[] inputs,
        Func<Tape, Variable[], Variable> operation,
        Func<double[][], double[]> reference,
        double relative = 2e-5,
        double absolute = 2e-5,
        Func<double[][], double[], double[][]>? adjoint = null)
    {
        Run(kind, ElementType.Float32, inputs, operation, reference, relative, absolute, adjoint);
        if (kind is TestDevice.Simt or TestDevice.OpenCl or TestDevice.Cuda)
        {
            (double[], Shape)[] rounded = [.. inputs.Select(i => (i.Values.Select(Data.RoundToBFloat16).ToArray(), i.Shape))];
            Run(
                kind, ElementType.BFloat16, rounded, operation, reference,
                Math.Max(relative, Narrow), Math.Max(absolute, Narrow), adjoint);
        }
    }

    // Half a unit in the last of 8 bits is 2e-3; what is stored between adjoints is rounded more than once.
    private const double Narrow = 1e-2;

    private static void Run(
        TestDevice kind,
        ElementType type,
        (double[] Values, Shape Shape)[] inputs,
        Func<Tape, Variable[], Variable> operation,
        Func<double[][], double[]> reference,
        double relative,
        double absolute,
        Func<double[][], double[], double[][]>? adjoint)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Tape tape = new(device);
        using Arena arena = new(device);
        double[][] values = [.. inputs.Select(i => i.Values)];
        double[] expected = reference(values);
        double[] seed = Data.Random(99, expected.Length);
        seed = type == ElementType.Float32 ? seed : [.. seed.Select(Data.RoundToBFloat16)];

        Variable[] variables = [.. inputs.Select(i => tape.Leaf(arena.Upload(i.Values, i.Shape, type)))];
        Variable y = operation(tape, variables);
        y.Value.ShouldBe(expected, relative, absolute, "y");
        tape.Backward(y, arena.Upload(seed, y.Value.Shape));

        double[][] gradients = adjoint is null
            ? [.. values.Select((v, i) => Gradient.Numeric(
                x => reference([.. values.Select((o, j) => j == i ? x : o)]), v, seed))]
            : adjoint(values, seed);
        for (int i = 0; i < variables.Length; i++)
        {
            Assert.True(variables[i].GradientValue is not null, $"Input {i} received no gradient.");
            variables[i].GradientValue!.Value.ShouldBe(gradients[i], 5 * relative, 5 * absolute, $"gradient {i}");
        }
    }
}
