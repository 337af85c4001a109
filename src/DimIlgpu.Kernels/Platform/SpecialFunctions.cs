using System.Reflection;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;

namespace DimIlgpu.Kernels;

/// <summary>Functions that GPUs have as one instruction.</summary>
internal static class SpecialFunctions
{
    /// <summary>2^x; 0 where CUDA's would be subnormal.</summary>
    /// <remarks>
    /// ILGPU's own asks CUDA to keep subnormal arguments and results, for which ptxas adds a comparison and two scalings to
    /// each. A decay below 2^−126 is nothing, and an argument below it gives 1 either way.
    /// </remarks>
    [IntrinsicImplementation]
    public static float Exp2(float x) => MathF.Pow(2f, x);

    /// <summary>Tells ILGPU what to print for each back end.</summary>
    public static void Register(IntrinsicImplementationManager manager)
    {
        MethodInfo method = typeof(SpecialFunctions).GetMethod(nameof(Exp2), BindingFlags.Public | BindingFlags.Static)!;
        manager.RegisterMethod(method, new PTXIntrinsic(typeof(SpecialFunctions), nameof(PtxExp2), IntrinsicImplementationMode.GenerateCode));
        manager.RegisterMethod(method, new CLIntrinsic(typeof(SpecialFunctions), nameof(OpenClExp2), IntrinsicImplementationMode.GenerateCode));
    }

    private static void PtxExp2(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var argument = generator.LoadPrimitive(((MethodCall)value)[0]);
        var result = generator.AllocateHardware(value);
        using var command = generator.BeginCommand("ex2.approx.ftz.f32");
        command.AppendArgument(result);
        command.AppendArgument(argument);
    }

    private static void OpenClExp2(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        var result = generator.Allocate(value);
        using var statement = generator.BeginStatement(result);
        statement.AppendCommand("exp2");
        statement.BeginArguments();
        statement.AppendArgument(generator.Load(((MethodCall)value)[0]));
        statement.EndArguments();
    }
}
